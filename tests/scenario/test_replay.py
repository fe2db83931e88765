"""A recorded run as the simulator replays it: what is planned is what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadgen.analysis.measures import Measured
from loadgen.analysis.repeats import Repeat
from loadgen.analysis.server_side import server_side
from loadgen.model import Level, Recording, Replay, Run, Simulator
from loadgen.scenario import ScenarioError, load
from loadgen.scenario.replay import of_run
from loadgen.simulator.plan import Plan, Planner
from tests import synthetic
from tests.cli.command import scenario
from tests.synthetic import MS

ROOT = Path(__file__).parents[2]


def run(*recordings: Recording) -> Run:
    return synthetic.run("recorded", list(recordings))


def plans(replay: Replay, level: Level | None, number: int) -> list[Plan]:
    planner = Planner(Simulator(replay=replay))
    planner.use(level)
    return [planner.plan(n) for n in range(number)]


def gaps_of(plan: Plan) -> list[int]:
    return list(plan.gaps[1:-1])


@pytest.mark.parametrize("stamped", [True, False])
def test_the_planned_times_have_the_percentiles_of_the_server(stamped: bool) -> None:
    recorded = synthetic.recording(
        streams=300, concurrency=50, tokens=20, jitter=0.7, lag_us=900, send_delay_ms=30, stamped=stamped
    )
    measured = Measured(recorded)
    if stamped:
        found = server_side(Repeat((measured,)))
        assert found is not None
        measured = found.parts[0]
    made = of_run(run(recorded))
    assert (made.stamped, made.client) == (stamped, "" if stamped else "aiohttp")
    planned = plans(made, Level(streams=50), 300)
    for values, truth in (
        ([plan.ttft_ns for plan in planned], measured.ttft),
        ([gap for plan in planned for gap in gaps_of(plan)], measured.gaps().values),
        ([plan.ttft_ns + sum(plan.gaps[1:]) for plan in planned], measured.total),
    ):
        shares = [50, 90, 95, 99]
        assert np.percentile(values, shares) == pytest.approx(np.percentile(truth, shares), abs=20_000)
    assert {plan.tokens for plan in planned} == {20}


def test_the_order_is_the_recorded_from_a_seeded_stream_on_over_and_over() -> None:
    made = of_run(run(synthetic.recording(streams=5, concurrency=5, jitter=0.5)))
    times = [plan.ttft_ns for plan in plans(made, None, 10)]
    assert times[:5] == times[5:]
    recorded = Measured(synthetic.recording(streams=5, concurrency=5, jitter=0.5)).ttft
    assert len(set(times)) == 5 == len(recorded)
    other = Planner(Simulator(replay=made, seed=3))
    assert sorted(other.plan(n).ttft_ns for n in range(5)) == sorted(times[:5])


def test_the_level_is_the_nearest_of_its_kind() -> None:
    made = of_run(
        run(
            synthetic.recording(concurrency=1, streams=2, ttft_ms=100, index=0),
            synthetic.recording(concurrency=100, streams=100, ttft_ms=900, index=1),
        )
    )

    def first(level: Level | None) -> set[int]:
        return {round(plan.ttft_ns / MS, -1) for plan in plans(made, level, 102)}

    assert [first(Level(streams=n)) for n in (1, 9, 11, 1000)] == [{100}, {100}, {900}, {900}]
    assert first(Level(rate=5.0)) == first(None) == {100, 900}


def test_failures_of_the_server_are_faults_after_what_it_had_sent() -> None:
    outcomes = {"truncated": 2, "reset": 1, "idle_timeout": 1, "refused": 3, "stopped": 1}
    recorded = synthetic.recording(streams=12, concurrency=12, tokens=20, outcomes=outcomes)
    made = of_run(run(recorded))
    assert made.levels[0].streams == 12 - 3 - 1, "the client alone ended the others"
    faults = [(plan.fault, plan.tokens) for plan in plans(made, None, 8)]
    assert sorted(faults, key=str) == sorted(
        [(None, 20)] * 4 + [("truncate", 10)] * 2 + [("reset", 10), ("stall", 10)], key=str
    )
    assert {plan.tokens_before_fault(10) for plan in plans(made, None, 8) if plan.fault} == {10}


def test_without_stamps_the_client_that_was_least_late_is_taken() -> None:
    late = synthetic.recording(client="requests", lag_us=50_000, stamped=False, index=0)
    early = synthetic.recording(client="aiohttp", lag_us=100, stamped=False, index=1)
    assert of_run(run(late, early)).client == "aiohttp"


def replaying(folder: Path, at: str, **keys: Any) -> Path:
    return scenario(folder, target={"simulator": {"replay": at, **keys}})


def test_a_run_on_disk_is_found_from_the_folder_of_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "sample").symlink_to(ROOT / "reports" / "sample")
    found = load(replaying(tmp_path, "sample")).target.simulator
    assert found is not None
    assert found.replay is not None
    assert {each.level.streams for each in found.replay.levels} >= {1}
    assert found.stream_s > 0.1
    assert "times" not in repr(found)
    path = scenario(tmp_path, target={"simulator": {"replay": "sample"}}, concurrency=[1, 77])
    [warning] = load(path).warnings
    assert "77 streams" in warning


@pytest.mark.parametrize(
    ("keys", "key", "wrong"),
    [
        ({"ttft": "1s"}, "target.simulator.ttft", "comes from the recorded run"),
        ({"faults": {"reset": 0.1}}, "target.simulator.faults", "comes from the recorded run"),
        ({}, "target.simulator.replay", "there is no run folder"),
    ],
)
def test_what_cannot_be_replayed(tmp_path: Path, keys: dict[str, Any], key: str, wrong: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(replaying(tmp_path, "none", **keys))
    found = {problem.key: problem.wrong for problem in caught.value.problems}
    assert wrong in found[key]


def test_a_run_without_a_stream_of_tokens_is_refused() -> None:
    from loadgen.scenario.replay import ReplayError

    with pytest.raises(ReplayError, match="no complete stream"):
        of_run(run(synthetic.recording(streams=3, concurrency=3, outcomes={"refused": 3})))
