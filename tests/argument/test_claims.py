"""Every claim with runs in which it is true, false and undecidable."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from loadgen import store
from loadgen.analysis import summarise
from loadgen.argument import claims
from loadgen.argument.claims import CLAIMS, Draws, effect_of, whole
from loadgen.model import ClientId, Level, Missing, Pause, Shortfall, Statement, Validity
from tests.synthetic import recording, run

SYNC, ASYNC = ("requests", "httpx-sync"), ("httpx-async", "aiohttp")
BLOCKS, NOT_BLOCKED, SINGLE, COSTS, SCALES = CLAIMS
REQUESTS, HTTPX_ASYNC, AIOHTTP = map(ClientId, ("requests", "httpx-async", "aiohttp"))
RATIO = Statement("x", "pair", "x", "below", 1.0)


def sweep(
    levels=(1, 100), clients=SYNC + ASYNC, *, repeats=3, noise=0.02, sync=None, asyncs=None, one=None, **more
):
    """Rounds in which every claim holds, but for the changes given for sync and async clients, and for ``one``:
    the first client of each kind. ``busy``: tokens are late because one turn of the event loop never ended;
    ``threads: int``: one for each stream.
    """
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
                how |= (one or {}) if client in (SYNC[0], ASYNC[0]) else {}
                how["threads"] = n + 1 if how.get("threads") is int else how.get("threads")
                busy = how.pop("busy", False)
                how |= {"lag_us": 5000} if busy else {}
                for name in ("voluntary_per_token", "rss_per_stream_kib", "lag_us"):
                    how[name] = how[name] and how[name] * float(np.exp(rng.normal(0, noise)))
                where = {"client": client, "concurrency": n, "repeat": repeat, "index": len(made) + 1}
                cell = recording(**where | how)
                turn = Pause("loop_pause", cell.start, int(cell.streams.end.max()))
                made.append(replace(cell, pauses=store.table_of_pauses([turn])) if busy else cell)
    return made


def claims_of(made):
    held = run(".", made)
    return {finding.claim: finding for finding in claims.findings(held, summarise(held))}


CASES = [
    # the claim, what the run shows, its verdict
    (BLOCKS, "all true", {}, "supported"),
    (BLOCKS, "one thread, never asleep", {"sync": {"threads": 1, "voluntary_per_token": 0.1}}, "contradicted"),
    (BLOCKS, "never asleep", {"sync": {"voluntary_per_token": 0.1}}, "mixed"),
    (BLOCKS, "sleeps about as often as the line", {"sync": {"voluntary_per_token": 0.5}, "noise": 0.1}, "undecided"),
    (BLOCKS, "one stream only", {"levels": (1,)}, "undecided"),
    (BLOCKS, "no sync client", {"clients": ASYNC}, "undecided"),
    (BLOCKS, "measured once", {"repeats": 1}, "undecided"),
    (BLOCKS, "all invalid", {"ended": "interrupted"}, "undecided"),
    (NOT_BLOCKED, "all true", {}, "supported"),
    (NOT_BLOCKED, "one level only", {"levels": (100,)}, "supported"),
    (NOT_BLOCKED, "no stamps: nobody knows what is late", {"stamped": False}, "undecided"),
    (NOT_BLOCKED, "median in time, tail busy", {"asyncs": {"busy": True}}, "mixed"),
    (NOT_BLOCKED, "late by whole streams", {"asyncs": {"lag_us": 2_000_000}}, "mixed"),
    (NOT_BLOCKED, "no async client", {"clients": SYNC}, "undecided"),
    (SINGLE, "all true", {}, "supported"),
    (SINGLE, "async clearly faster alone", {"sync": {"gap_ms": 100}}, "mixed"),
    (SINGLE, "clearly faster alone, later among many", {"sync": {"gap_ms": 100}, "asyncs": {"lag_us": 4000}},
     "contradicted"),
    (SINGLE, "no single stream", {"levels": (100,)}, "undecided"),
    (COSTS, "all true", {}, "supported"),
    (COSTS, "lean threads", {"sync": {"rss_per_stream_kib": 1, "voluntary_per_token": 0.1}}, "mixed"),
    (COSTS, "lean, and no thread each",
     {"sync": {"rss_per_stream_kib": 1, "voluntary_per_token": 0.1, "threads": 1}}, "contradicted"),
    (COSTS, "few streams", {"levels": (1, 10)}, "undecided"),
    (COSTS, "no sync client", {"clients": ASYNC}, "undecided"),
    (SCALES, "all true", {}, "supported"),
    (SCALES, "async fatter", {"asyncs": {"rss_per_stream_kib": 500}}, "mixed"),
    (SCALES, "async fatter, with more threads and switches",
     {"asyncs": {"rss_per_stream_kib": 500, "voluntary_per_token": 4, "threads": 200}}, "contradicted"),
    (SCALES, "few streams", {"levels": (1, 10)}, "undecided"),
    (SCALES, "no async client", {"clients": SYNC}, "undecided"),
    (SCALES, "measured once", {"repeats": 1}, "undecided"),
    (SCALES, "all invalid", {"ended": "interrupted"}, "undecided"),
    (SCALES, "floor alone decides nothing", {"clients": ("floor", "requests")}, "undecided"),
]  # fmt: skip

# Of each statement: what makes it true of nobody, of one client less, and of nobody knows whom.
ATOMS = {
    (BLOCKS, "own_thread"): ({"threads": 1}, {"threads": 1}, {"levels": (1,)}),
    (BLOCKS, "thread_waits"): (
        {"voluntary_per_token": 0.1}, {"voluntary_per_token": 0.1}, {"sync": {"voluntary_per_token": None}}
    ),
    (BLOCKS, "httpx_like_requests"): (None, None, {"clients": ("requests", "aiohttp")}),
    (NOT_BLOCKED, "no_own_thread"): ({"threads": int}, {"threads": int}, {"clients": SYNC}),
    (NOT_BLOCKED, "all_open"): (None, None, {"levels": (1,)}),
    (NOT_BLOCKED, "median_in_time"): ({"lag_us": 2_000_000}, {"lag_us": 2_000_000}, {"stamped": False}),
    (NOT_BLOCKED, "loop_free"): ({"busy": True}, {"busy": True}, {"stamped": False}),
    (SINGLE, "not_faster_alone"): (
        {"gap_ms": 20}, None, {"jitter": 9.0, "tokens": 2, "gap_ms": 1.0}
    ),
    (SINGLE, "more_responsive"): (
        {"lag_us": 4000}, {"lag_us": 4000}, {"sync": {"lag_us": 300}, "asyncs": {"lag_us": 300}, "noise": 0.1}
    ),
    (COSTS, "own_thread"): ({"threads": 1}, {"threads": 1}, {"levels": (1, 10)}),
    (COSTS, "notable_memory"): (
        {"rss_per_stream_kib": 1}, {"rss_per_stream_kib": 1}, {"sync": {"rss_per_stream_kib": 100}, "noise": 0.1}
    ),
    (COSTS, "notable_switches"): (
        {"voluntary_per_token": 0.1}, {"voluntary_per_token": 0.1}, {"sync": {"voluntary_per_token": None}}
    ),
    (SCALES, "fewer_threads"): ({"threads": 101}, {"threads": 101}, {"repeats": 1}),
    (SCALES, "lower_memory"): (
        {"rss_per_stream_kib": 500}, {"rss_per_stream_kib": 500},
        {"asyncs": {"rss_per_stream_kib": 100}, "noise": 0.15},
    ),
    (SCALES, "fewer_switches"): (
        {"voluntary_per_token": 4}, {"voluntary_per_token": 4}, {"involuntary_per_token": None}
    ),
}  # fmt: skip


def test_every_statement_is_tested():
    assert list(ATOMS) == [(claim, statement.name) for claim, row in CLAIMS.items() for statement in row]


@pytest.mark.parametrize(("claim", "name"), ATOMS, ids=[name for _, name in ATOMS])
def test_each_statement_is_true_false_mixed_or_undecided(claim, name):
    statement = next(statement for statement in CLAIMS[claim] if statement.name == name)
    kind = "sync" if statement.of in ("sync", "alike") else "asyncs"
    clients = SYNC if kind == "sync" else ASYNC
    false, mixed, unknown = ATOMS[claim, name]
    cases = [({}, "supported"), (unknown, "undecided")]
    cases += [({kind: false}, "contradicted")] if false else []
    for how, verdict in cases:
        assert statements_of(sweep(**how))[claim, name].verdict == verdict, how
    if mixed:
        made = sweep(clients=[client for client in SYNC + ASYNC if client != clients[0]])
        found = statements_of(made + sweep(clients=clients[:1], **{kind: mixed}))[claim, name]
        of = {effect.client.name: effect.result for effect in found.effects}
        assert (found.verdict, of) == ("mixed", {clients[0]: "contradicts", clients[1]: "supports"})


def statements_of(made):
    return {(f.claim, one.statement.name): one for f in claims_of(made).values() for one in f.statements}


def test_clients_on_threads_that_share_them_are_not_alike():
    made = sweep(clients=("requests",)) + sweep(clients=("httpx-sync",), sync={"threads": 3})
    assert statements_of(made)[BLOCKS, "httpx_like_requests"].verdict == "contradicted"


def test_streams_that_were_never_open_at_once_contradict():
    """Such a measurement is not valid, so it is called so here."""
    held = run(".", sweep(asyncs={"late_start_ms": 0, "streams": 60}))
    valid = [replace(summary, validity=Validity.VALID) for summary in summarise(held)]
    found = {one.statement.name: one for f in claims.findings(held, valid) for one in f.statements}
    assert found["all_open"].verdict == "contradicted"


@pytest.mark.parametrize(
    ("verdicts", "all_of", "any_of"),
    [
        (["supports", "supports"], "supported", "supported"),
        (["supports", "contradicts"], "mixed", "supported"),
        (["supports", "undecided"], "undecided", "supported"),
        (["contradicts", "undecided"], "contradicted", "undecided"),
        (["contradicts", "contradicts"], "contradicted", "contradicted"),
        (["supported", "mixed", "undecided"], "mixed", "supported"),
        (["supported", "contradicted", "undecided"], "mixed", "supported"),
        (["contradicted", "undecided"], "contradicted", "undecided"),
        ([], "undecided", "undecided"),
    ],
)
def test_the_verdict_of_a_whole_follows_from_its_parts(verdicts, all_of, any_of):
    assert (whole(verdicts), whole(verdicts, "any")) == (all_of, any_of)


@pytest.mark.parametrize(("claim", "shown", "how", "verdict"), CASES, ids=[f"{c[0]}: {c[1]}" for c in CASES])
def test_verdicts(claim, shown, how, verdict):
    found = claims_of(sweep(**how))[claim]
    assert found.verdict == verdict, found


def test_one_per_claim_in_the_article_s_order_even_of_an_empty_run():
    found = claims_of([])
    assert list(found) == list(CLAIMS)
    assert {f.verdict for f in found.values()} == {"undecided"}
    assert all(one.missing for f in found.values() for one in f.statements)


def effects(finding):
    return [effect for one in finding.statements for effect in one.effects]


def missing(finding):
    return list(dict.fromkeys(lacks for one in finding.statements for lacks in one.missing))


def effect(finding, measure, client, baseline=None):
    (found,) = (
        e
        for one in finding.statements
        for e in one.effects
        if (one.statement.measure, e.client, e.baseline) == (measure, client, baseline)
    )
    return found


def test_effects_have_values_intervals_and_thresholds():
    found = claims_of(sweep())
    memory = effect(found[SCALES], "rss_per_stream_kib", AIOHTTP, REQUESTS)
    assert memory.estimate.value == pytest.approx(20 / 120, rel=0.05)
    assert memory.estimate.low < memory.estimate.value < memory.estimate.high < 0.8
    assert (memory.result, memory.level) == ("supports", Level(streams=100))
    threads = effect(found[BLOCKS], "threads_per_stream", REQUESTS)
    assert (threads.estimate.value, threads.result, threads.level) == (pytest.approx(1.0), "supports", None)


def test_a_verdict_needs_more_than_one_round():
    found = claims_of(sweep(repeats=1))[SCALES]
    assert {(effect.estimate.low, effect.result) for effect in effects(found)} == {(None, "undecided")}


def test_what_does_not_hold_for_one_client_does_not_hold_for_its_kind():
    made = sweep(clients=("requests", "aiohttp"))
    assert claims_of(made)[SCALES].verdict == "supported"
    made += sweep(clients=("httpx-async",), asyncs={"rss_per_stream_kib": 400, "voluntary_per_token": 0.1})
    found = claims_of(made)[SCALES]
    assert effect(found, "rss_per_stream_kib", HTTPX_ASYNC, REQUESTS).result == "contradicts"
    assert effect(found, "rss_per_stream_kib", AIOHTTP, REQUESTS).result == "supports"
    assert found.verdict == "mixed"


def test_a_missing_value_leaves_a_claim_undecided_unless_another_client_contradicts():
    made = sweep(clients=("requests", "aiohttp"))
    unknown = sweep(clients=("httpx-async",), base_rss_kib=None)
    found = claims_of(made + unknown)[SCALES]
    assert found.verdict == "undecided"
    assert missing(found) == [Missing(measure="rss_per_stream_kib", clients=(HTTPX_ASYNC,))]
    fat = sweep(clients=("requests", "aiohttp"), asyncs={"rss_per_stream_kib": 500})
    assert statements_of(fat + unknown)[SCALES, "lower_memory"].verdict == "contradicted"


def test_totals_of_answers_of_another_length_are_replaced_and_the_effect_says_so():
    found = claims_of(sweep(levels=(1,), asyncs={"tokens": 20}))[SINGLE]
    measures = {(e.client, e.baseline): e.measure for e in effects(found)}
    assert measures == dict.fromkeys(product(map(ClientId, ASYNC), map(ClientId, SYNC)), "tpot_p50_ms")


def drawn(values, comparisons=1, statement=RATIO):
    return effect_of(statement, Draws(AIOHTTP, None, None, "x", list(values)), comparisons)


def _noise_of(draws, pairs, rng):
    """How often a statement about ``pairs`` alike pairs that are all at the line is called, either way."""
    called = Counter()
    for _ in range(draws):
        results = [drawn(rng.normal(0, 0.1, 3), pairs).result for _ in range(pairs)]
        called[whole(results)] += 1
    return called


@pytest.mark.parametrize("pairs", [1, 4])
def test_what_stands_on_the_line_is_seldom_called(pairs, draws):
    called = _noise_of(draws, pairs, np.random.default_rng(pairs))
    most = 0.025 + 4 * math.sqrt(0.025 * 0.975 / draws)  # one of forty, and four standard errors
    assert called["supported"] <= most * draws  # less with more pairs
    assert called["contradicted"] + called["mixed"] <= most * draws  # of all of them together
    assert called.total() > called["undecided"]


def test_a_result_that_decides_alone_needs_a_wider_interval():
    values = [0.05, 0.06, 0.09]  # logarithms; 95 % lies above 1, the interval for one of ten does not
    one, ten = (drawn(values, n) for n in (1, 10))
    assert one.estimate == ten.estimate
    assert (one.result, ten.result) == ("contradicts", "undecided")
    assert (one.comparisons, ten.comparisons) == (None, 10)
    above = replace(RATIO, direction="above")
    assert drawn(values, 10, above).result == "supports"
    assert drawn(values, 10, replace(above, decided_by="any")).result == "undecided"


def test_clients_meet_at_the_highest_concurrency_that_all_have():
    made = sweep(levels=(100,), clients=("requests",)) + sweep(levels=(100, 200), clients=("aiohttp",))
    assert {effect.level for effect in effects(claims_of(made)[SCALES])} == {Level(streams=100)}


def test_a_loop_that_is_late_by_whole_streams_blocks():
    held = run(".", sweep(asyncs={"lag_us": 2_000_000}))
    valid = [replace(summary, validity=Validity.VALID) for summary in summarise(held)]
    (found,) = (finding for finding in claims.findings(held, valid) if finding.claim == NOT_BLOCKED)
    assert effect(found, "lag_share", AIOHTTP).result == "contradicts"
    assert found.verdict == "mixed"  # it has no threads all the same


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
            assert (finding.verdict, effects(finding)) == ("undecided", [])
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
    assert any(ClientId(client) in one.clients for one in missing(found))


@pytest.mark.parametrize("claim", [NOT_BLOCKED, SINGLE, SCALES])
def test_lower_levels_support_no_claim_in_place_of_one_at_which_a_client_fell_behind(claim):
    made = sweep()
    disturbed = sweep(levels=(200,), **SUSPECT)
    assert claims_of(made + disturbed)[claim].verdict == "supported"
    behind = sweep(levels=(200,), asyncs={"outcomes": {"reset": 20}})
    found = claims_of(made + behind)[claim]
    assert found.verdict == "undecided"
    assert [(one.clients, one.min_streams) for one in missing(found)] == [((HTTPX_ASYNC, AIOHTTP), 200)]


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
