"""What an open load asked for and what became of it, on recordings with known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadgen.analysis import summarise
from loadgen.analysis.answer import findings as answer
from loadgen.analysis.backlog import growth, may_grow
from loadgen.analysis.measures import Measured
from loadgen.analysis.repeats import Repeat
from loadgen.model import Level, Limit, reasons
from tests.synthetic import open_load, recording, run, split

CAPACITY = 4 / 0.2  # per second


def summary(*made, **info):
    (found,) = summarise(run(".", made, **info))
    return found


def test_what_is_from_the_schedule_is_the_rest_and_the_wait_before_it_exactly():
    m = Measured(open_load(18.0, max_streams=3, late_start_ms=2.5, lag_us=100))
    before = m.held + m.start_delay
    assert (m.held > 0).any()
    assert np.array_equal(m.start_delay, np.full(len(before), 2_500_000))
    assert np.array_equal(m.ttft_corrected - m.ttft, before)
    assert np.array_equal(m.total_corrected - m.total, before)
    assert np.array_equal(m.streams.due + before, m.streams.start)


def test_a_closed_loop_has_none_of_it():
    found = summary(recording())
    columns = ("offered_per_s", "started_per_s", "completed_per_s", "held_back_per_s", "not_started_per_s")
    latencies = ("ttft_corrected_p50_ms", "total_corrected_p50_ms", "held_p50_ms")
    assert {found.value(name) for name in (*columns, *latencies, "backlog_growth_per_s")} == {None}
    assert found.value("start_delay_p99_ms") is not None


def test_rates_count_what_lies_within_the_window():
    # due after 0, 100, … 900 ms; each held by 150 ms, and done 300 ms later; the first 200 ms are warm-up
    made = recording(
        rate=10.0, streams=10, concurrency=10, due_ms=np.arange(10) * 100.0, held_ms=150.0, tokens=1, ttft_ms=300.0,
        lag_us=0, warmup_ms=200, duration_ms=1000, not_started=2,
    )  # fmt: skip
    found = summary(made)
    assert found.value("offered_per_s") == pytest.approx((8 + 2) / 0.8)
    assert found.value("started_per_s") == pytest.approx(8 / 0.8)  # started after 250 … 950 ms
    assert found.value("completed_per_s") == pytest.approx(6 / 0.8)  # ended after 450 … 950 ms
    assert found.value("held_back_per_s") == pytest.approx(8 / 0.8)
    assert found.value("not_started_per_s") == pytest.approx(2 / 0.8)


def test_workers_share_a_rate_and_have_it_together():
    whole = open_load(12.0)
    parts = [replace(part, share=None) for part in split(whole, 3)]
    one, three = summary(whole), summary(*parts)
    for name in (
        "offered_per_s",
        "started_per_s",
        "completed_per_s",
        "backlog_growth_per_s",
        "ttft_corrected_p95_ms",
    ):
        assert three.value(name) == pytest.approx(one.value(name))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_a_server_that_keeps_up_has_no_growing_backlog(share, seed):
    assert growth(Repeat((Measured(open_load(share * CAPACITY, seed=seed)),))) == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_a_server_that_does_not_has_one(seed):
    grew = growth(Repeat((Measured(open_load(1.6 * CAPACITY, seed=seed)),)))
    assert grew == pytest.approx(0.6 * CAPACITY, rel=0.35)


def test_arrivals_that_were_held_back_are_in_the_backlog():
    made = open_load(1.6 * CAPACITY, max_streams=5)
    assert made.not_started
    assert growth(Repeat((Measured(made),))) == pytest.approx(0.6 * CAPACITY, rel=0.35)


def test_streams_that_are_longer_than_the_window_are_no_growing_backlog():
    made = recording(
        rate=20.0, streams=600, concurrency=600, due_ms=np.arange(600) * 50.0, tokens=1, ttft_ms=60_000.0,
        jitter=0.1, duration_ms=30_000,
    )  # fmt: skip
    assert growth(Repeat((Measured(made),))) == 0.0


def test_the_server_is_the_limit_where_the_backlog_grows():
    found = summary(*(open_load(1.6 * CAPACITY, repeat=n, index=n) for n in range(3)))
    assert found.limited_by is Limit.SERVER


def test_what_the_client_held_back_is_not_the_servers_limit():
    found = summary(open_load(1.6 * CAPACITY, max_streams=5))
    assert found.limited_by is None
    assert found.value("held_p99_ms") > 1000


def test_lateness_of_a_busy_client_is_its_limit_and_of_another_a_reason():
    late = {
        "late_start_ms": 40.0,
        "rate": 10.0,
        "due_ms": np.arange(200) * 100.0,
        "streams": 200,
        "concurrency": 200,
    }
    busy = summary(recording(**late, cpu_ms_per_s=700.0, cpu_us_per_token=0.0, duration_ms=20_000))
    assert busy.limited_by is Limit.CLIENT
    assert not any(isinstance(why, reasons.StartedLate) for why in busy.reasons)
    idle = summary(recording(**late, cpu_us_per_token=1.0, duration_ms=20_000))
    assert idle.limited_by is None
    assert reasons.StartedLate(validity="suspect", percentile=99, late_ms=40.0) in idle.reasons
    closed = summary(recording(late_start_ms=40.0))
    assert not closed.reasons


def test_a_rate_that_was_not_offered_is_a_reason():
    (why,) = (
        w for w in summary(open_load(1.6 * CAPACITY, max_streams=5)).reasons if w.kind == "rate_not_offered"
    )
    assert why.asked_per_s == 1.6 * CAPACITY
    assert why.offered_per_s + why.not_started / 30 == pytest.approx(1.6 * CAPACITY)
    kinds = {why.kind for why in summary(open_load(0.5 * CAPACITY)).reasons}
    assert "rate_not_offered" not in kinds
    whole = open_load(10.0)
    lost = replace(whole, streams=whole.streams.rows(slice(0, 250)), arrivals=whole.arrivals.rows(slice(0, 500)),
                   stamps=whole.stamps.rows(slice(0, 250)))  # fmt: skip
    assert "rate_not_offered" in {why.kind for why in summary(lost).reasons}


def answers(*made):
    of = run(".", made)
    return of, {type(one).__name__: one for one in answer(of, summarise(of))}


def test_the_answer_names_the_rate_that_the_server_carries():
    rounds = [(rate, n) for rate in (10.0, 16.0, 32.0) for n in range(3)]
    made = [open_load(rate, repeat=n, index=3 * place + n) for place, (rate, n) in enumerate(rounds)]
    _, found = answers(*made)
    carries = found["Carries"]
    assert (carries.holds, carries.fails, carries.limit) == (Level(rate=16.0), Level(rate=32.0), Limit.SERVER)
    assert carries.completed.value == pytest.approx(CAPACITY, rel=0.1)
    assert carries.growth.value == pytest.approx(12.0, rel=0.2)
    assert not {"Saturates", "Scales", "HeldBack"} & set(found)


@pytest.mark.parametrize("seed", range(5))
def test_so_few_arrivals_that_the_queue_may_grow_are_not_said_to_be_carried(seed):
    made = [
        open_load(rate, seconds=25, slots=1, service_ms=560.0, seed=seed, index=n)
        for n, rate in enumerate((0.5, 3))
    ]
    _, found = answers(*made)
    assert (found["Carries"].holds, found["Carries"].fails) == (Level(rate=0.5), Level(rate=3))


def test_a_server_that_keeps_up_is_seldom_said_to_be_unclear():
    loads = [Repeat((Measured(open_load(0.7 * CAPACITY, seed=seed)),)) for seed in range(40)]
    assert sum(map(may_grow, loads)) <= 2


def test_a_server_that_refuses_what_is_too_much_does_not_carry_it():
    half = {"outcomes": {"http_status": 80}, "tokens": 2}
    made = [open_load(rate, index=n, **(half if n else {})) for n, rate in enumerate((2.0, 8.0))]
    _, found = answers(*made)
    carries = found["Carries"]
    assert (carries.holds, carries.fails) == (Level(rate=2.0), Level(rate=8.0))
    assert carries.failed == pytest.approx(80 / 240)
    assert not carries.growth.value


def test_the_answer_tells_what_was_held_back():
    made = [open_load(32.0, max_streams=8, repeat=n, index=n) for n in range(3)]
    _, found = answers(*made)
    assert (found["Carries"].holds, found["Carries"].limit) == (None, None)
    held = found["HeldBack"]
    assert 0.3 < held.held + held.never < 1
    assert held.wait.value > 1000
