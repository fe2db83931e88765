"""Every claim with runs in which it is true, false and undecidable."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from loadgen.analysis import summarise
from loadgen.argument import claims
from loadgen.argument.claims import CLAIMS, Criterion, _part
from loadgen.model import ClientId, Level, Missing, Shortfall, Validity
from tests.synthetic import recording, run

SYNC, ASYNC = ("requests", "httpx-sync"), ("httpx-async", "aiohttp")
BLOCKS, NOT_BLOCKED, SINGLE, COSTS, SCALES = CLAIMS
REQUESTS, HTTPX_ASYNC, AIOHTTP = map(ClientId, ("requests", "httpx-async", "aiohttp"))
RATIO = Criterion("x", "times", 1.0, "below")


def sweep(levels=(1, 100), clients=SYNC + ASYNC, *, repeats=3, noise=0.02, sync=None, asyncs=None, **more):
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


def claims_of(made):
    held = run(".", made)
    return {finding.claim: finding for finding in claims.findings(held, summarise(held))}


CASES = [
    # the claim, what the run shows, its verdict
    (BLOCKS, "all true", {}, "supported"),
    (
        BLOCKS,
        "one thread, never asleep",
        {"sync": {"threads": 1, "voluntary_per_token": 0.1}},
        "contradicted",
    ),
    (BLOCKS, "never asleep", {"sync": {"voluntary_per_token": 0.1}}, "contradicted"),
    (
        BLOCKS,
        "sleeps about as often as the line",
        {"sync": {"voluntary_per_token": 0.5}, "noise": 0.1},
        "undecided",
    ),
    (BLOCKS, "one stream only", {"levels": (1,)}, "undecided"),
    (BLOCKS, "no sync client", {"clients": ASYNC}, "undecided"),
    (BLOCKS, "httpx-sync missing", {"clients": ("requests", "aiohttp")}, "undecided"),
    (BLOCKS, "switches unknown", {"sync": {"voluntary_per_token": None}}, "undecided"),
    (BLOCKS, "measured once", {"repeats": 1}, "undecided"),
    (BLOCKS, "all invalid", {"ended": "interrupted"}, "undecided"),
    (NOT_BLOCKED, "all true", {}, "supported"),
    (NOT_BLOCKED, "one level only", {"levels": (100,)}, "supported"),
    (NOT_BLOCKED, "no stamps, still side by side", {"stamped": False}, "supported"),
    (NOT_BLOCKED, "a thread each", {"asyncs": {"threads": 101}, "levels": (100,)}, "contradicted"),
    (NOT_BLOCKED, "late by whole streams", {"asyncs": {"lag_us": 2_000_000}}, "contradicted"),
    (NOT_BLOCKED, "measured once", {"repeats": 1}, "undecided"),
    (NOT_BLOCKED, "one stream only", {"levels": (1,)}, "undecided"),
    (NOT_BLOCKED, "no async client", {"clients": SYNC}, "undecided"),
    (SINGLE, "all true", {}, "supported"),
    (SINGLE, "async clearly faster alone", {"sync": {"gap_ms": 100}}, "contradicted"),
    (SINGLE, "async later among many", {"asyncs": {"lag_us": 4000}}, "contradicted"),
    (SINGLE, "the same lag", {"sync": {"lag_us": 300}, "asyncs": {"lag_us": 300}, "noise": 0.1}, "undecided"),
    (SINGLE, "no single stream", {"levels": (100,)}, "undecided"),
    (SINGLE, "too noisy to tell", {"jitter": 9.0, "tokens": 2, "gap_ms": 1.0}, "undecided"),
    (COSTS, "all true", {}, "supported"),
    (COSTS, "lean threads", {"sync": {"rss_per_stream_kib": 1, "voluntary_per_token": 0.1}}, "contradicted"),
    (COSTS, "memory, but no switches", {"sync": {"voluntary_per_token": 0.1}}, "contradicted"),
    (COSTS, "memory about at the line", {"sync": {"rss_per_stream_kib": 100}, "noise": 0.1}, "undecided"),
    (COSTS, "few streams", {"levels": (1, 10)}, "undecided"),
    (COSTS, "no sync client", {"clients": ASYNC}, "undecided"),
    (SCALES, "all true", {}, "supported"),
    (SCALES, "async fatter", {"asyncs": {"rss_per_stream_kib": 500}}, "contradicted"),
    (SCALES, "async switches more", {"asyncs": {"voluntary_per_token": 4}}, "contradicted"),
    (SCALES, "alike within the noise", {"asyncs": {"rss_per_stream_kib": 100}, "noise": 0.15}, "undecided"),
    (SCALES, "few streams", {"levels": (1, 10)}, "undecided"),
    (SCALES, "memory unknown", {"base_rss_kib": None}, "undecided"),
    (SCALES, "no async client", {"clients": SYNC}, "undecided"),
    (SCALES, "measured once", {"repeats": 1}, "undecided"),
    (SCALES, "all invalid", {"ended": "interrupted"}, "undecided"),
    (SCALES, "floor alone decides nothing", {"clients": ("floor", "requests")}, "undecided"),
]


@pytest.mark.parametrize(("claim", "shown", "how", "verdict"), CASES, ids=[f"{c[0]}: {c[1]}" for c in CASES])
def test_verdicts(claim, shown, how, verdict):
    found = claims_of(sweep(**how))[claim]
    assert found.verdict == verdict, found


def test_one_per_claim_in_the_article_s_order_even_of_an_empty_run():
    found = claims_of([])
    assert list(found) == list(CLAIMS)
    assert {f.verdict for f in found.values()} == {"undecided"}
    assert all(part.missing for f in found.values() for part in f.parts)


def effect(finding, measure, client, baseline=None):
    (found,) = (
        e for e in finding.effects if (e.measure, e.client, e.baseline) == (measure, client, baseline)
    )
    return found


def test_effects_have_values_intervals_and_thresholds():
    found = claims_of(sweep())
    memory = effect(found[SCALES], "rss_per_stream_kib", AIOHTTP, REQUESTS)
    assert memory.value == pytest.approx(20 / 120, rel=0.05)
    assert memory.low < memory.value < memory.high < memory.line
    assert (memory.result, memory.level, memory.direction) == ("supports", Level(streams=100), "below")
    threads = effect(found[BLOCKS], "threads_per_stream", REQUESTS)
    assert (threads.value, threads.result, threads.level) == (pytest.approx(1.0), "supports", None)


def test_a_verdict_needs_more_than_one_round():
    found = claims_of(sweep(repeats=1))[SCALES]
    assert {(effect.low, effect.result) for effect in found.effects} == {(None, "undecided")}


def test_what_does_not_hold_for_one_client_does_not_hold_for_its_kind():
    made = sweep(clients=("requests", "aiohttp"))
    assert claims_of(made)[SCALES].verdict == "supported"
    made += sweep(clients=("httpx-async",), asyncs={"rss_per_stream_kib": 400, "voluntary_per_token": 0.1})
    found = claims_of(made)[SCALES]
    assert effect(found, "rss_per_stream_kib", HTTPX_ASYNC, REQUESTS).result == "contradicts"
    assert effect(found, "rss_per_stream_kib", AIOHTTP, REQUESTS).result == "supports"
    assert found.verdict == "contradicted"


def test_a_missing_value_leaves_a_claim_undecided_unless_another_client_contradicts():
    made = sweep(clients=("requests", "aiohttp"))
    unknown = sweep(clients=("httpx-async",), base_rss_kib=None)
    found = claims_of(made + unknown)[SCALES]
    assert found.verdict == "undecided"
    missing = [one for part in found.parts for one in part.missing]
    assert missing == [Missing(measure="rss_per_stream_kib", clients=(HTTPX_ASYNC,))]
    fat = sweep(clients=("requests", "aiohttp"), asyncs={"rss_per_stream_kib": 500})
    assert claims_of(fat + unknown)[SCALES].verdict == "contradicted"


def _noise_of(draws, pairs, rng):
    """How often a claim about ``pairs`` alike pairs that are all at the line is called, either way."""
    called = Counter()
    for _ in range(draws):
        effects = [RATIO.effect(rng.normal(0, 0.1, 3), AIOHTTP, comparisons=pairs) for _ in range(pairs)]
        called[_part(RATIO, effects).result] += 1
    return called


@pytest.mark.parametrize("pairs", [1, 4])
def test_what_stands_on_the_line_is_seldom_called(pairs, draws):
    called = _noise_of(draws, pairs, np.random.default_rng(pairs))
    most = 0.025 + 4 * math.sqrt(0.025 * 0.975 / draws)  # one of forty, and four standard errors
    assert called["supports"] <= most * draws  # less with more pairs
    assert called["contradicts"] <= most * draws  # of all of them together
    assert called["supports"] + called["contradicts"] > 0


def test_a_result_that_decides_alone_needs_a_wider_interval():
    values = [0.05, 0.06, 0.09]  # logarithms; 95 % lies above 1, the interval for one of ten does not
    one, ten = (RATIO.effect(values, AIOHTTP, comparisons=n) for n in (1, 10))
    assert (one.low, one.high) == (ten.low, ten.high)
    assert (one.result, ten.result) == ("contradicts", "undecided")
    assert (one.comparisons, ten.comparisons) == (None, 10)
    above = replace(RATIO, direction="above")
    assert above.effect(values, AIOHTTP, comparisons=10).result == "supports"
    assert replace(above, decided_by="any").effect(values, AIOHTTP, comparisons=10).result == "undecided"


def test_clients_meet_at_the_highest_concurrency_that_all_have():
    made = sweep(levels=(100,), clients=("requests",)) + sweep(levels=(100, 200), clients=("aiohttp",))
    assert {effect.level for effect in claims_of(made)[SCALES].effects} == {Level(streams=100)}


def test_a_loop_that_is_late_by_whole_streams_blocks():
    held = run(".", sweep(asyncs={"lag_us": 2_000_000}))
    valid = [replace(summary, validity=Validity.VALID) for summary in summarise(held)]
    (found,) = (finding for finding in claims.findings(held, valid) if finding.claim == NOT_BLOCKED)
    assert effect(found, "lag_share", AIOHTTP).result == "contradicts"
    assert found.verdict == "contradicted"


# -------------------------------------------------------------------------------------------- what is not valid

INVALID = {"server_late_p99_ms": 90}
SUSPECT = {"listen_drops": 1}


@pytest.mark.parametrize(("how", "validity"), [(INVALID, Validity.INVALID), (SUSPECT, Validity.SUSPECT)])
def test_a_run_without_a_valid_measurement_supports_and_contradicts_nothing(how, validity):
    for truth in (
        {},
        {"asyncs": {"rss_per_stream_kib": 900, "voluntary_per_token": 9}, "sync": {"threads": 1}},
    ):
        for finding in claims_of(sweep(**how, **truth)).values():
            assert (finding.verdict, list(finding.effects)) == ("undecided", [])
            assert {one.validity for one in finding.excluded} == {validity}
            assert len(finding.excluded) == 8
            assert finding.shortfalls == (Shortfall.NOT_VALID,)


@pytest.mark.parametrize("how", [INVALID, SUSPECT])
def test_measurements_that_are_not_valid_are_excluded_and_named(how):
    made = sweep(levels=(100,), clients=("requests", "aiohttp"))
    made += sweep(levels=(200,), clients=("requests", "aiohttp"), asyncs={"rss_per_stream_kib": 900}, **how)
    found = claims_of(made)[SCALES]
    assert found.verdict == "supported"
    assert {(one.client, one.level) for one in found.excluded} == {
        (client, Level(streams=200)) for client in (REQUESTS, AIOHTTP)
    }


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_client_without_a_valid_measurement_keeps_its_kind_undecided(claim):
    client = "httpx-async" if claim in (NOT_BLOCKED, SINGLE, SCALES) else "httpx-sync"
    made = sweep(clients=[name for name in SYNC + ASYNC if name != client])
    found = claims_of(made + sweep(clients=(client,), **SUSPECT))[claim]
    assert found.verdict == "undecided"
    assert any(ClientId(client) in missing.clients for part in found.parts for missing in part.missing)


@pytest.mark.parametrize("claim", [NOT_BLOCKED, SINGLE, SCALES])
def test_lower_levels_support_no_claim_in_place_of_one_at_which_a_client_fell_behind(claim):
    made = sweep()
    disturbed = sweep(levels=(200,), **SUSPECT)
    assert claims_of(made + disturbed)[claim].verdict == "supported"
    behind = sweep(levels=(200,), asyncs={"outcomes": {"reset": 20}})
    found = claims_of(made + behind)[claim]
    assert found.verdict == "undecided"
    missing = [one for part in found.parts for one in part.missing]
    assert [(one.clients, one.min_streams) for one in missing] == [((HTTPX_ASYNC,), 200), ((AIOHTTP,), 200)]


# --------------------------------------------------------------------------------------- runs made to decide them


@pytest.mark.parametrize(
    ("how", "lacks"),
    [
        ({}, ()),
        ({"clients": ASYNC}, (Shortfall.NO_SYNC_CLIENT,)),
        ({"clients": SYNC}, (Shortfall.NO_ASYNC_CLIENT,)),
        ({"levels": (100,)}, (Shortfall.ONE_LEVEL,)),
        ({"repeats": 2}, (Shortfall.FEW_REPEATS,)),
        ({"levels": (10,), "repeats": 1}, (Shortfall.ONE_LEVEL, Shortfall.FEW_REPEATS)),
        (SUSPECT, (Shortfall.NOT_VALID,)),
        ({"asyncs": SUSPECT}, (Shortfall.NOT_VALID,)),
    ],
)
def test_only_a_run_that_was_made_for_the_claims_decides_them(how, lacks):
    assert {finding.shortfalls for finding in claims_of(sweep(**how)).values()} == {lacks}


def test_a_run_without_measurements_was_not_made_for_the_claims():
    assert Shortfall.NO_SYNC_CLIENT in claims_of([])[COSTS].shortfalls


# ------------------------------------------------------------------------------------------------------- noise


def test_a_difference_smaller_than_what_a_client_differs_from_itself_by_is_none():
    """The control differs from its original by half; async by a third only."""
    made = sweep(
        levels=(100,), clients=("requests", "aiohttp"), asyncs={"rss_per_stream_kib": 90}, noise=0.01
    )
    assert claims_of(made)[SCALES].verdict == "supported"
    control = sweep(levels=(100,), clients=("requests (A/A)",), sync={"rss_per_stream_kib": 60}, noise=0.01)
    found = claims_of(made + control)[SCALES]
    assert found.verdict == "undecided"
    memory = effect(found, "rss_per_stream_kib", AIOHTTP, REQUESTS)
    assert (memory.result, memory.noise) == ("undecided", pytest.approx(2.57, abs=0.1))


def test_an_a_a_control_is_no_client_of_its_own():
    made = sweep(clients=("requests (A/A)", "aiohttp"))
    assert claims_of(made)[COSTS].verdict == "undecided"


def test_the_same_verdicts_from_the_recordings_in_any_order():
    made = sweep()
    one, other = claims_of(made), claims_of(made[::-1])
    assert {f.claim: f.verdict for f in one.values()} == {f.claim: f.verdict for f in other.values()}
