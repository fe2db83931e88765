"""How does the server hold up: failures, the objective, saturation, the only client's figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadgen.analysis.answer.failures import failures
from loadgen.analysis.answer.kept_open import kept_open
from loadgen.analysis.answer.measured import measured
from loadgen.analysis.answer.objective import objective
from loadgen.analysis.answer.saturates import saturates
from loadgen.analysis.answer.undecided import undecided
from loadgen.model import Failure, Level, Limit, Saturates, Scales, Threshold, Validity
from loadgen.report.sentences.answer import paragraphs
from tests import synthetic
from tests.analysis.answer.made import answers, made

FAST = Threshold(text="ttft_p95_ms < 1000", metric="ttft_p95_ms", op="<", value=1000)
NEAR = (900.0, 1000.0, 1100.0)


def streams_of(answer):
    return [level and level.streams for level in (answer.holds, answer.fails)]


# ---------------------------------------------------------------------------------------------- failures


def test_failures_are_counted_by_cause_the_most_frequent_first():
    cells = [
        synthetic.recording(streams=20, tokens=2, outcomes={"http_status": 3, "reset": 1}),
        synthetic.recording(streams=20, tokens=2, outcomes={"reset": 4, "stopped": 5}, index=1),
    ]
    (one,) = answers(failures, recordings=cells)
    assert (one.failed, one.streams) == (8, 40)
    assert [(c.outcome, c.status, c.streams) for c in one.causes] == [
        ("reset", None, 5),
        ("http_status", 503, 3),
    ]


def test_the_commonest_error_of_each_cause_is_told_with_its_status():
    made = synthetic.recording(streams=20, tokens=2, outcomes={"http_status": 4, "reset": 1})
    failing = np.flatnonzero(made.streams.outcome == "http_status")
    made.streams.error[:] = ""
    made.streams.error[failing] = ["server busy", "model loading", "server busy", "server busy."]
    (one,) = answers(failures, recordings=[made])
    assert one.causes[0] == Failure(outcome="http_status", status=503, streams=4, text="server busy")
    text = " ".join(paragraphs([one]))
    assert "4 × HTTP 503: server busy; 1 × connection reset" in text
    assert "keep-alive" not in text
    assert "keep-alive race" in " ".join(paragraphs([replace(one, raced=2)]))


@pytest.mark.parametrize(("kept", "told"), [(0, False), (9, False), (10, True), (20, True)])
def test_bodies_that_the_server_keeps_open_are_told_where_half_of_them_are(kept: int, told: bool):
    one = synthetic.recording(streams=20, tokens=2)
    drain_ns = np.full(20, 100_000)
    drain_ns[:kept] = 500_000_000
    one = replace(one, streams=one.streams.changed(drain_ns=drain_ns))
    found = answers(kept_open, recordings=[one])
    assert bool(found) == told
    if told:
        assert (found[0].kept, found[0].streams, found[0].bound_s) == (kept, 20, 0.5)
        assert f"{kept} of 20 answers" in " ".join(paragraphs(found))


def test_streams_that_ended_well_or_were_stopped_did_not_fail():
    assert not answers(failures, recordings=[synthetic.recording(streams=20, tokens=2)])
    assert not answers(
        failures, recordings=[synthetic.recording(streams=9, tokens=2, outcomes={"stopped": 9})]
    )


def test_streams_that_completed_without_output_are_told():
    whole = synthetic.recording(streams=20, tokens=2, outcomes={"reset": 1})
    silent = replace(whole.streams, text_events=whole.streams.text_events * (np.arange(20) >= 3))
    (one,) = answers(failures, recordings=[replace(whole, streams=silent)])
    assert (one.failed, one.silent, one.streams) == (1, 3, 20)


# ---------------------------------------------------------------------------------------------- measured


def test_the_only_client_is_told_with_its_intervals():
    (one,) = answers(measured, made("aiohttp"), made("aiohttp (A/A)"))
    assert (str(one.client), one.level) == ("aiohttp", Level(streams=100))
    ttft = one.values["ttft_p50_ms"]
    assert ttft.low < ttft.value < ttft.high
    assert "itl_p99_ms" not in one.values


def test_figures_without_interval_or_of_several_clients_or_levels_are_not_told():
    assert not answers(measured, made("aiohttp", rounds=1))
    assert not answers(measured, made("aiohttp"), made("requests"))
    assert not answers(measured, made("aiohttp", 10), made("aiohttp", 100))
    assert not answers(measured, made("aiohttp", validity=Validity.INVALID))


def test_one_round_of_one_client_tells_nothing():
    (one,) = answers(undecided, made("aiohttp", 1, rounds=1), made("aiohttp", 10, rounds=1))
    assert (one.metrics, one.rounds) == ((), 1)
    assert not answers(undecided, made("aiohttp", 1), made("aiohttp", 10))


# --------------------------------------------------------------------------------------------- objective


@pytest.mark.parametrize(
    ("ttft", "holds", "fails", "everywhere"),
    [
        ((300, 600, 2000), 10, 100, False),
        ((300, NEAR, 2000), 1, 100, False),
        ((NEAR, 600, 2000), 10, 100, False),
        ((NEAR, NEAR, 2000), None, 100, False),
        ((None, 600, 2000), 10, 100, False),
        ((300, 600, NEAR), 10, None, False),
        ((300, 600, 900), 100, None, True),
        ((1500, 600, 900), None, 1, False),
    ],
)
def test_an_objective_holds_up_to_a_level_with_its_whole_interval(ttft, holds, fails, everywhere):
    sweep = [made("aiohttp", n, ttft_p95_ms=of) for n, of in zip((1, 10, 100), ttft, strict=True)]
    (one,) = answers(objective, *sweep, thresholds=[FAST])
    assert streams_of(one) == [holds, fails]
    assert one.all_levels is everywhere


@pytest.mark.parametrize(
    ("streams", "slow", "said"), [(100, 0, True), (100, 20, False), (100, 5, None), (20, 0, None)]
)
def test_where_rounds_are_too_short_for_the_percentile_the_share_of_slow_streams_decides(streams, slow, said):
    cells = [synthetic.recording(streams=streams - slow, tokens=2, ttft_ms=300, concurrency=10)]
    if slow:
        cells.append(
            synthetic.recording(streams=slow, tokens=2, ttft_ms=1500, concurrency=10, repeat=1, index=1)
        )
    sweep = [made("aiohttp", n, rounds=2, ttft_p95_ms=None if n == 10 else 2000) for n in (10, 20)]
    (one,) = answers(objective, *sweep, thresholds=[FAST], recordings=cells)
    assert streams_of(one) == {True: [10, 20], False: [None, 10], None: [None, 20]}[said]


def test_nothing_is_said_of_an_objective_that_cannot_be_told_or_of_one_level():
    near = [made("aiohttp", n, ttft_p95_ms=NEAR) for n in (1, 10)]
    assert not answers(objective, *near, thresholds=[FAST])
    assert not answers(objective, *(made("aiohttp", n, rounds=1) for n in (1, 10)), thresholds=[FAST])
    assert not answers(objective, made("aiohttp"), thresholds=[FAST])
    assert not answers(objective, made("aiohttp", 1), made("aiohttp", 10))


def test_of_several_clients_an_objective_is_told_where_one_fails_it():
    sweep = [made(client, n) for n in (1, 10) for client in ("aiohttp", "requests")]
    assert not answers(objective, *sweep, thresholds=[FAST])
    sweep[3] = made("requests", 10, ttft_p95_ms=2000)
    found = answers(objective, *sweep, thresholds=[FAST])
    assert {str(one.client): streams_of(one) for one in found} == {"aiohttp": [10, None], "requests": [1, 10]}
    own = Threshold(text="", metric="ttft_p95_ms", op="<", value=1000, client="aiohttp")
    assert not answers(objective, *sweep, thresholds=[own])


# --------------------------------------------------------------------------------------------- saturates


def sweep_of(client, rates, limit=None, **figures):
    for n, rate in zip((1, 10, 100), rates, strict=True):
        full = limit if rate < 10 * n else None
        yield made(client, n, tokens_per_s=rate, limited_by=full, **figures)


@pytest.mark.parametrize("limit", list(Limit))
def test_the_first_level_that_brings_hardly_more_is_told_with_whose_limit_it_is(limit):
    (one,) = answers(saturates, *sweep_of("aiohttp", (10, 100, 101), limit))
    assert isinstance(one, Saturates)
    assert (one.below.streams, one.level.streams, one.limit) == (10, 100, limit)
    assert one.ratio.value == pytest.approx(1.01)
    assert (one.client is None) is (limit is Limit.SERVER)


def test_the_limit_of_the_server_is_told_once_and_that_of_each_client_by_itself():
    found = answers(
        saturates,
        *sweep_of("aiohttp", (10, 100, 101), Limit.SERVER),
        *sweep_of("requests", (10, 11, 12), Limit.SERVER),
        *sweep_of("httpx-async", (10, 100, 101), Limit.CLIENT),
    )
    assert [(one.limit, one.below.streams) for one in found] == [(Limit.SERVER, 1), (Limit.CLIENT, 10)]


def test_a_limit_that_cannot_be_told_is_not():
    low, high = ((100, 100, 100), (50, 120, 400))
    noisy = (
        made("aiohttp", n, tokens_per_s=of, limited_by=Limit.SERVER) for n, of in ((10, low), (20, high))
    )
    assert not answers(saturates, *noisy)


# tokens/s at 1, 4, 8 and 16 streams; from which on they only wait, and whether that is certain
GROWS, STEADY, WIDE = (20, 60, 61, 60), (60, 60, 61, 60), (20, (50, 60, 70), (40, 60, 80), (45, 60, 75))


@pytest.mark.parametrize(
    ("rates", "figures", "below", "verdict"),
    [
        (GROWS, {}, 4, ""),
        (STEADY, {}, 1, ""),
        ((20, 40, 60, 61), {}, 8, ""),
        ((20, 60, 60, 40), {}, 4, ""),  # the server slows down
        (WIDE, {}, 4, "undecided"),
        (GROWS, {"rounds": 1}, 4, "undecided"),
        ((20, 60, 70, 80), {}, None, ""),  # 33 % more from 4 on, 14 % from 8 on
        ((20, 60, 62, 68), {}, 8, ""),  # 13 % more from 4 on
        (GROWS, {"live_mean": 3.0}, None, ""),  # the streams were not in flight
    ],
)
def test_from_which_level_on_more_streams_only_wait(rates, figures, below, verdict):
    figures = {"served_peak": 8.0} | figures
    sweep = [
        made("aiohttp", n, tokens_per_s=rate, **{"live_mean": 0.99 * n} | figures)
        for n, rate in zip((1, 4, 8, 16), rates, strict=True)
    ]
    found = [one for one in answers(saturates, *sweep) if isinstance(one, Saturates)]
    assert [(one.below.streams, one.level.streams, one.verdict) for one in found] == (
        [(below, 16, verdict)] if below else []
    )
    assert all((one.waits, one.served.value, one.limit) == (True, 8.0, Limit.SERVER) for one in found)


@pytest.mark.parametrize("limit", [Limit.CLIENT, Limit.MACHINE, Limit.SIMULATOR])
def test_what_the_client_or_the_machine_holds_up_does_not_wait_for_the_server(limit):
    sweep = [made("aiohttp", n, tokens_per_s=60, limited_by=limit if n == 16 else None) for n in (4, 8, 16)]
    assert not any(one.waits for one in answers(saturates, *sweep) if isinstance(one, Saturates))


def test_one_client_without_a_limit_scales():
    (one,) = answers(saturates, *sweep_of("aiohttp", (10, 100, 990)))
    assert isinstance(one, Scales)
    assert (one.below.streams, one.level.streams) == (1, 100)
    assert one.ratio.value == pytest.approx(99)
    assert not answers(saturates, *sweep_of("aiohttp", (10, 100, 700)))
    assert not answers(saturates, made("aiohttp"))
    assert not answers(saturates, *sweep_of("aiohttp", (10, 100, 990)), *sweep_of("requests", (10, 100, 990)))
