"""Every claim with runs in which it is true, false and undecidable."""

from __future__ import annotations

import math

import numpy as np
import pytest

from loadgen.analysis import summarise
from loadgen.analysis.effects import times
from loadgen.argument.claims import CLAIMS, Part, _any, _effect
from loadgen.findings import findings
from tests.synthetic import recording, run

SYNC, ASYNC = ("requests", "httpx-sync"), ("httpx-async", "aiohttp")
BLOCKS, NOT_BLOCKED, SINGLE, COSTS, SCALES = (claim.id for claim in CLAIMS)


def ladder(levels=(1, 100), clients=SYNC + ASYNC, *, repeats=3, noise=0.02, sync=None, asyncs=None, **more):
    """Blocks in which every claim holds, but for the changes given for sync and async clients."""
    made = []
    for repeat in range(repeats):
        rng = np.random.default_rng(repeat)
        for client in clients:
            for n in levels:
                how = {
                    "voluntary_per_token": 1.5,
                    "rss_per_stream_kib": 120,
                    "lag_us": 400,
                    "mode": "threads",
                }
                own = sync
                if client in ASYNC:
                    how = {
                        "voluntary_per_token": 0.5,
                        "rss_per_stream_kib": 20,
                        "lag_us": 100,
                        "mode": "tasks",
                    }
                    own = asyncs
                how |= {"jitter": 0.1, "streams": max(20, 2 * n)} | more | (own or {})
                for name in ("voluntary_per_token", "rss_per_stream_kib", "lag_us"):
                    how[name] = how[name] and how[name] * float(np.exp(rng.normal(0, noise)))
                where = {"client": client, "concurrency": n, "repeat": repeat, "index": len(made) + 1}
                made.append(recording(**where | how))
    return made


def board(made):
    held = run(".", made)
    return {f.id: f for f in findings(held, summarise(held)) if f.kind == "claim"}


CASES = [
    # the claim, what the run shows, its verdict
    (BLOCKS, "all hold", {}, "confirmed"),
    (BLOCKS, "one thread, never asleep", {"sync": {"threads": 1, "voluntary_per_token": 0.1}}, "refuted"),
    (BLOCKS, "never asleep", {"sync": {"voluntary_per_token": 0.1}}, "refuted"),
    (
        BLOCKS,
        "sleeps about as often as the line",
        {"sync": {"voluntary_per_token": 0.5}, "noise": 0.1},
        "open",
    ),
    (BLOCKS, "one stream only", {"levels": (1,)}, "open"),
    (BLOCKS, "no sync client", {"clients": ASYNC}, "open"),
    (BLOCKS, "httpx-sync missing", {"clients": ("requests", "aiohttp")}, "open"),
    (BLOCKS, "switches unknown", {"sync": {"voluntary_per_token": None}}, "open"),
    (BLOCKS, "measured once", {"repeats": 1}, "open"),
    (BLOCKS, "all invalid", {"ended": "interrupted"}, "open"),
    (NOT_BLOCKED, "all hold", {}, "confirmed"),
    (NOT_BLOCKED, "one level only", {"levels": (100,)}, "confirmed"),
    (NOT_BLOCKED, "no stamps, still side by side", {"stamped": False}, "confirmed"),
    (NOT_BLOCKED, "a thread each", {"asyncs": {"threads": 101}, "levels": (100,)}, "refuted"),
    (NOT_BLOCKED, "late by whole streams", {"asyncs": {"lag_us": 2_000_000}}, "refuted"),
    (NOT_BLOCKED, "measured once", {"repeats": 1}, "open"),
    (NOT_BLOCKED, "one stream only", {"levels": (1,)}, "open"),
    (NOT_BLOCKED, "no async client", {"clients": SYNC}, "open"),
    (SINGLE, "all hold", {}, "confirmed"),
    (SINGLE, "async clearly faster alone", {"sync": {"gap_ms": 100}}, "refuted"),
    (SINGLE, "async later among many", {"asyncs": {"lag_us": 4000}}, "refuted"),
    (SINGLE, "the same lag", {"sync": {"lag_us": 300}, "asyncs": {"lag_us": 300}, "noise": 0.1}, "open"),
    (SINGLE, "no single stream", {"levels": (100,)}, "open"),
    (SINGLE, "too noisy to tell", {"jitter": 9.0, "tokens": 2, "gap_ms": 1.0}, "open"),
    (COSTS, "all hold", {}, "confirmed"),
    (COSTS, "lean threads", {"sync": {"rss_per_stream_kib": 1, "voluntary_per_token": 0.1}}, "refuted"),
    (COSTS, "memory, but no switches", {"sync": {"voluntary_per_token": 0.1}}, "refuted"),
    (COSTS, "memory about at the line", {"sync": {"rss_per_stream_kib": 100}, "noise": 0.1}, "open"),
    (COSTS, "few streams", {"levels": (1, 10)}, "open"),
    (COSTS, "no sync client", {"clients": ASYNC}, "open"),
    (SCALES, "all hold", {}, "confirmed"),
    (SCALES, "async fatter", {"asyncs": {"rss_per_stream_kib": 500}}, "refuted"),
    (SCALES, "async switches more", {"asyncs": {"voluntary_per_token": 4}}, "refuted"),
    (SCALES, "alike within the noise", {"asyncs": {"rss_per_stream_kib": 100}, "noise": 0.15}, "open"),
    (SCALES, "few streams", {"levels": (1, 10)}, "open"),
    (SCALES, "memory unknown", {"base_rss_kib": None}, "open"),
    (SCALES, "no async client", {"clients": SYNC}, "open"),
    (SCALES, "measured once", {"repeats": 1}, "open"),
    (SCALES, "all invalid", {"ended": "interrupted"}, "open"),
    (SCALES, "the yardstick alone is no witness", {"clients": ("floor", "requests")}, "open"),
]


@pytest.mark.parametrize(("claim", "shown", "how", "verdict"), CASES, ids=[f"{c[0]}: {c[1]}" for c in CASES])
def test_verdicts(claim, shown, how, verdict):
    found = board(ladder(**how))[claim]
    assert found.verdict == verdict, (found.evidence, found.effects)


def test_one_per_claim_in_the_article_s_order_even_of_an_empty_run():
    found = board([])
    assert list(found) == [claim.id for claim in CLAIMS]
    assert {f.verdict for f in found.values()} == {"open"}
    assert all(f.evidence for f in found.values())


def test_effects_have_the_figures_of_this_run_with_intervals_and_lines():
    memory = next(
        e
        for e in board(ladder())[SCALES].effects
        if e.name.startswith("memory per stream, aiohttp as a multiple of requests")
    )
    assert memory.value == pytest.approx(20 / 120, rel=0.05)
    assert memory.low < memory.value < memory.high < memory.line
    assert memory.holds is True
    threads = board(ladder())[BLOCKS].effects[0]
    assert (threads.client, threads.value, threads.holds) == ("requests", pytest.approx(1.0), True)


def test_a_verdict_needs_more_than_one_run():
    found = board(ladder(repeats=1))[SCALES]
    assert any("measured once" in text for text in found.evidence)
    assert all(effect.low is None and effect.holds is None for effect in found.effects)


def test_what_is_not_so_of_one_client_is_not_so_of_its_kind():
    made = ladder(clients=("requests", "aiohttp"))
    assert board(made)[SCALES].verdict == "confirmed"
    made += ladder(clients=("httpx-async",), asyncs={"rss_per_stream_kib": 400, "voluntary_per_token": 0.1})
    found = board(made)[SCALES]
    pairs = {e.name: e.holds for e in found.effects if e.name.startswith("memory")}
    assert pairs == {
        "memory per stream, httpx-async as a multiple of requests, at 100 streams": False,
        "memory per stream, aiohttp as a multiple of requests, at 100 streams": True,
    }
    assert found.verdict == "refuted"
    assert "Clients differ in memory per stream: it is not so of all of them" in found.evidence


def test_a_client_that_lacks_a_figure_leaves_it_open_and_one_that_contradicts_refutes_all_the_same():
    made = ladder(clients=("requests", "aiohttp"))
    unknown = ladder(clients=("httpx-async",), base_rss_kib=None)
    found = board(made + unknown)[SCALES]
    assert found.verdict == "open"
    assert "Undecided: memory per stream: not measured with every client" in found.evidence
    fat = ladder(clients=("requests", "aiohttp"), asyncs={"rss_per_stream_kib": 500})
    assert board(fat + unknown)[SCALES].verdict == "refuted"


def _noise_of(draws, pairs, rng):
    """How often a claim about ``pairs`` alike pairs that are all at the line is called, either way."""
    called = {True: 0, False: 0}
    for _ in range(draws):
        effects = [
            _effect("x", "times", rng.normal(0, 0.1, 3), times, 1.0, above=False, among=pairs)
            for _ in range(pairs)
        ]
        holds = Part(effects).holds
        if holds is not None:
            called[holds] += 1
    return called


@pytest.mark.parametrize("pairs", [1, 4])
def test_what_stands_on_the_line_is_seldom_called(pairs, draws):
    called = _noise_of(draws, pairs, np.random.default_rng(pairs))
    most = 0.025 + 4 * math.sqrt(0.025 * 0.975 / draws)  # one of forty, and four standard errors
    assert called[True] <= most * draws  # less with more pairs
    assert called[False] <= most * draws  # of all of them together
    assert called[True] + called[False] > 0


def test_an_answer_that_decides_alone_needs_a_wider_interval():
    values = [0.05, 0.06, 0.09]  # logarithms; 95 % lies above 1, the interval for one of ten does not
    one, ten = (_effect("x", "times", values, times, 1.0, above=False, among=n) for n in (1, 10))
    assert (one.low, one.high) == (ten.low, ten.high)
    assert (one.holds, ten.holds) == (False, None)
    assert ten.note == "one of 10 such figures: it may be so by chance"
    assert _effect("x", "times", values, times, 1.0, above=True, among=10).holds is True
    assert _effect("x", "times", values, times, 1.0, above=True, among=10, decides=_any).holds is None


def test_clients_meet_at_the_highest_concurrency_that_all_have():
    made = ladder(levels=(100,), clients=("requests",)) + ladder(levels=(100, 200), clients=("aiohttp",))
    told = [effect.name for effect in board(made)[SCALES].effects]
    assert told
    assert all("200" not in name for name in told)


def test_invalid_measurements_do_not_testify_and_are_named():
    made = ladder(levels=(100,), clients=("requests", "aiohttp"))
    made += ladder(
        levels=(200,),
        clients=("requests", "aiohttp"),
        server_late_p99_ms=90,
        asyncs={"rss_per_stream_kib": 900},
    )
    found = board(made)[SCALES]
    assert found.verdict == "confirmed"
    assert "Not counted: aiohttp at 200 streams is invalid" in found.evidence


def test_a_difference_smaller_than_what_a_client_differs_from_itself_by_is_none():
    """The control differs from its original by half; async by a third only."""
    made = ladder(
        levels=(100,), clients=("requests", "aiohttp"), asyncs={"rss_per_stream_kib": 90}, noise=0.01
    )
    assert board(made)[SCALES].verdict == "confirmed"
    control = ladder(levels=(100,), clients=("requests (A/A)",), sync={"rss_per_stream_kib": 60}, noise=0.01)
    found = board(made + control)[SCALES]
    assert found.verdict == "open"
    assert any("within the noise" in effect.note for effect in found.effects)


def test_a_twin_is_no_witness_of_its_own():
    made = ladder(clients=("requests (A/A)", "aiohttp"))
    assert board(made)[COSTS].verdict == "open"


def test_the_same_verdicts_from_the_recordings_in_any_order():
    made = ladder()
    one, other = board(made), board(made[::-1])
    assert {f.id: f.verdict for f in one.values()} == {f.id: f.verdict for f in other.values()}
