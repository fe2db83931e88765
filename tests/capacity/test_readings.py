"""What a cell says of a client's limit, and what it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from loadgen.analysis.repeats import repeats_of
from loadgen.capacity.readings import Budget, Obstacle, Reading, ServerCore, read
from loadgen.model import EngineNumber, Level
from tests import synthetic

FULL, SHARED = ServerCore(0.99, 0.02), ServerCore(0.99, 0.40)
BUDGET = Budget(lag_p99_ms=10.0, errors=0.01, ttft=None)


def of(budget: Budget = BUDGET, *, cut: bool = False, core: ServerCore | None = None, **cell: Any) -> Reading:
    """The reading of a cell of ten streams."""
    plain: dict[str, Any] = {"concurrency": 10, "streams": 60, "duration_ms": 15_000, "warmup_ms": 1000}
    (repeat,) = repeats_of([synthetic.recording(**plain | cell)])
    return read(repeat, budget, ttft_one_ms=300.0, core=core, cut=cut)


def test_a_calm_cell_is_within() -> None:
    found = of(lag_us=2000)
    assert (found.verdict, found.bound) == ("within", "lag_p99")
    assert found.lag_p99_ms == pytest.approx(2.0)
    assert found.use == pytest.approx(0.2)
    assert found.errors == 0
    assert found.counts


def test_a_lag_beyond_the_budget_is_over() -> None:
    found = of(lag_us=25_000)
    assert (found.verdict, found.bound) == ("over", "lag_p99")
    assert found.use == pytest.approx(2.5)


def test_streams_that_fail_are_over_whatever_the_lag() -> None:
    found = of(outcomes={"reset": 3})
    assert (found.verdict, found.bound) == ("over", "errors")
    assert found.errors == pytest.approx(0.05)


def test_the_ttft_is_held_against_that_of_one_stream() -> None:
    budget = Budget(lag_p99_ms=None, errors=None, ttft=1.5)
    assert of(budget, ttft_ms=400.0).verdict == "within"
    found = of(budget, ttft_ms=600.0)
    assert (found.verdict, found.bound) == ("over", "ttft")
    assert found.use == pytest.approx(2 / 1.5, rel=0.01)


def test_streams_that_were_never_open_at_once_are_over() -> None:
    found = of(server_open_peak=7)
    assert (found.verdict, found.bound) == ("over", "concurrency")
    assert found.use == pytest.approx(10 / 7)


@pytest.mark.parametrize(
    ("disturbance", "verdict", "obstacle"),
    [
        ({"others_share": 0.3}, "machine", Obstacle(kind="other_processes", share=pytest.approx(0.3))),
        ({"steal_share": 0.2}, "machine", Obstacle(kind="hypervisor", share=pytest.approx(0.2))),
        ({"listen_drops": 2}, "machine", Obstacle(kind="listen_queue")),
        ({"server_late_p99_ms": 20.0}, "simulator", Obstacle(kind="late", late_p99_ms=20.0)),
        ({"core": FULL}, "simulator", Obstacle(kind="late", late_p99_ms=0.5, core=FULL)),
        ({"core": SHARED}, "machine", Obstacle(kind="late", late_p99_ms=0.5, core=SHARED)),
    ],
)
def test_an_obstacle_is_responsible_for_a_lag(
    disturbance: dict[str, Any], verdict: str, obstacle: Obstacle
) -> None:
    found = of(lag_us=25_000, **disturbance)
    assert (found.verdict, found.obstacle) == (verdict, obstacle)
    assert not found.counts


@pytest.mark.parametrize(
    "disturbance", [{"others_share": 0.3}, {"server_late_p99_ms": 20.0}, {"core": ServerCore(0.99, 0.4)}]
)
def test_what_is_within_in_spite_of_a_disturbance_counts(disturbance: dict[str, Any]) -> None:
    assert of(lag_us=2000, **disturbance).verdict == "within"


def test_nothing_counts_where_the_simulator_did_not_send_what_was_requested() -> None:
    assert of(lag_us=2000, server_late_p99_ms=80.0).verdict == "simulator"
    assert of(lag_us=2000, server_late_p99_ms=80.0, core=ServerCore(0.9, 0.5)).verdict == "machine"


def test_a_lag_far_beyond_the_simulators_lateness_is_the_clients() -> None:
    assert of(lag_us=60_000, server_late_p99_ms=20.0).verdict == "over"


def test_a_saturated_client_far_beyond_the_budget_cannot_blame_the_machine() -> None:
    assert of(lag_us=200_000, steal_share=0.12).verdict == "machine"
    busy = of(lag_us=200_000, steal_share=0.12, cpu_us_per_token=5200.0)
    assert (busy.cpu_share or 0) > 0.85
    assert busy.verdict == "over"
    assert of(lag_us=200_000, others_share=0.45, cpu_us_per_token=5200.0).verdict == "machine"


def test_a_cell_that_broke_off_tells_nothing_unless_it_was_cut() -> None:
    broken = of(lag_us=200_000, ended="the engine died (signal 9)")
    assert broken.verdict == "unmeasured"
    assert broken.obstacle == Obstacle(kind="ended", text="the engine died (signal 9)")
    assert (
        of(lag_us=200_000, ended="its streams went on for too long, and were ended", cut=True).verdict
        == "over"
    )


def test_a_server_that_stamps_nothing_has_no_lag() -> None:
    found = of(stamped=False)
    assert (found.verdict, found.lag_p99_ms) == ("unmeasured", None)
    assert found.obstacle == Obstacle(kind="missing", bound="lag_p99")
    assert of(Budget(lag_p99_ms=None, errors=0.01, ttft=None), stamped=False).verdict == "within"


def test_tokens_outside_the_window_are_no_part_of_the_lag() -> None:
    recording = synthetic.recording(concurrency=10, streams=60, lag_us=1000, duration_ms=15_000)
    at = recording.arrivals.at.copy()
    late = at >= recording.start + 10_000_000_000
    at[late] += 40_000_000
    assert 0.05 < np.mean(late) < 0.95
    moved = replace(recording, arrivals=replace(recording.arrivals, at=at))
    early = replace(moved, window=(recording.start, recording.start + 9_900_000_000))
    read_of = [
        read(repeats_of([each])[0], Budget(lag_p99_ms=10.0, errors=None, ttft=None))
        for each in (moved, early)
    ]
    assert [round(each.lag_p99_ms or 0) for each in read_of] == [41, 1]


def test_engines_on_several_cores_are_read_together() -> None:
    parts = [
        replace(
            synthetic.recording(concurrency=5, streams=30, lag_us=lag, duration_ms=15_000),
            level=Level(streams=10), engine=EngineNumber(core, 2), share=5, server=None,
        )
        for core, lag in ((1, 1000.0), (2, 30_000.0))
    ]  # fmt: skip
    (repeat,) = repeats_of(parts)
    found = read(repeat, BUDGET)
    assert (found.verdict, found.level, found.live_peak) == ("over", Level(streams=10), 10)
    assert found.lag_p99_ms == pytest.approx(30.0)


@pytest.mark.parametrize("ahead_ms", [-78, 78, 10**9])
@pytest.mark.parametrize("durations", [True, False])
def test_another_clock_is_neither_within_nor_over(ahead_ms: int, durations: bool) -> None:
    made = synthetic.recording(
        concurrency=10, streams=60, lag_us=25_000, lag_jitter=0.3, jitter=0.3, server_late_p99_ms=None
    )
    ahead, missing = ahead_ms * 1_000_000, np.full(60, -1)
    ends = {"end_stamp_ns": made.streams.end_stamp_ns + ahead} if durations else {"end_stamp_ns": missing}
    streams = replace(made.streams, first_stamp_ns=made.streams.first_stamp_ns + ahead, **ends)
    (repeat,) = repeats_of([replace(made, streams=streams)])
    found = read(repeat, BUDGET)
    if durations:
        assert found.verdict == "over"  # the offset is known well enough
    else:
        assert (found.verdict, found.obstacle) == ("unmeasured", Obstacle(kind="missing", bound="lag_p99"))
        assert found.lag_p99_ms is None
