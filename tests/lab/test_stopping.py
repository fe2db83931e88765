"""When a cell ends before its time: how often the test of overload errs, and what ends for errors."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadgen.analysis import summarise
from loadgen.api import Run
from loadgen.lab.run import run
from loadgen.lab.stopping import Overload, StopRules, began_to_rise, rises
from loadgen.model import (
    Cell,
    ClientId,
    Level,
    Listener,
    Load,
    Prompt,
    Recording,
    Scenario,
    Simulator,
    Stop,
    Stopped,
    StoppedEarly,
    Target,
    Validity,
    Workload,
    reasons,
)
from loadgen.model.progress import Progress
from loadgen.report.sentences.validity import reason
from tests import synthetic
from tests.lab.cells import cell

SECONDS = 60.0
PULSE_S = 0.5


def queue(
    chance: np.random.Generator,
    rate: float,
    use: float,
    *,
    slots: int = 1,
    shape: float = 1.0,
    service: float = 1.0,
    before: float | None = None,
) -> tuple[float, float] | None:
    """When a queue's overload is found, and when it is said to have begun; first come, first served.

    Gamma arrivals and services of these shapes (1: M/M/slots). ``before``: the use in the first half.
    """
    due = np.cumsum(chance.gamma(shape, 1 / (rate * shape), int(rate * SECONDS * 1.5)))
    due = due[due < SECONDS]
    mean = np.full(len(due), slots * use / rate)
    if before is not None:
        mean[due < SECONDS / 2] *= before / use
    took = mean * chance.gamma(service, 1 / service, len(due))
    free, first = [0.0] * slots, np.empty(len(due))
    for place, at in enumerate(due):
        first[place] = max(heapq.heappop(free), at)
        heapq.heappush(free, first[place] + took[place])
    end = first + took
    order, ended = np.argsort(end), np.sort(end)
    overload, heard = Overload(SECONDS, 0.0, rate), 0
    for now in np.arange(PULSE_S, SECONDS, PULSE_S):
        upto = int(np.searchsorted(ended, now))
        for place in order[heard:upto]:
            overload.ended(float(first[place] - due[place] + 0.2 * mean[0]), 0.0)
        heard, begun = upto, int(np.searchsorted(due, now))
        progress = Progress(elapsed=float(now), open=begun - upto, tokens=0, ended=upto, failed=0)
        if (since := overload.since(progress)) is not None:
            return float(now), since
    return None


def found(draws: int, *arguments: float, **options: Any) -> float:
    """The share of queues that are called overloaded."""
    seeds = np.random.SeedSequence(7).spawn(draws)
    return (
        sum(queue(np.random.default_rng(each), *arguments, **options) is not None for each in seeds) / draws
    )


@pytest.mark.parametrize(
    ("rate", "use", "options"),
    [
        (20, 0.8, {}),
        (20, 0.9, {}),
        (4, 0.9, {}),
        (20, 0.9, {"slots": 4}),
        (20, 0.85, {"shape": 0.5}),
        (20, 0.9, {"slots": 32, "service": 10}),
    ],
)
def test_a_stable_queue_is_hardly_ever_called_overloaded(
    draws: int, rate: float, use: float, options: dict[str, Any]
) -> None:
    assert found(draws, rate, use, **options) <= 0.02


@pytest.mark.parametrize(
    ("rate", "options"), [(25, {}), (25, {"slots": 4}), (10, {"slots": 4, "shape": 20, "service": 10})]
)
def test_a_queue_that_grows_is_found_before_the_cell_ends(
    draws: int, rate: float, options: dict[str, Any]
) -> None:
    assert found(draws, rate, 1.2, **options) >= 0.97


def test_it_is_never_found_before_a_quarter_of_the_time_and_its_beginning_is_named(draws: int) -> None:
    seeds = np.random.SeedSequence(3).spawn(draws // 3)
    always = [queue(np.random.default_rng(each), 50, 1.3) for each in seeds]
    assert all(each and each[0] >= SECONDS / 4 for each in always)
    assert np.median([each[1] for each in always if each]) < SECONDS / 10
    later = [queue(np.random.default_rng(each), 50, 1.6, before=0.6) for each in seeds]
    assert all(each and each[0] > SECONDS / 2 for each in later)
    begins = [each[1] for each in later if each]
    assert np.percentile(np.abs(np.array(begins) - SECONDS / 2), 90) < SECONDS / 10


def test_what_rises_is_told_from_what_wanders() -> None:
    assert rises([1, 2, 3.1, 4, 5.2, 6])
    assert not rises([1, 2, 3, 4]), "too few to tell"
    assert not rises([5, 1, 9, 2, 8, 3, 7])
    assert not rises([6, 5, 4, 3, 2, 1])
    assert not rises([3, 3, 3, 3, 3, 3])
    assert began_to_rise([0, 1, 2, 3, 4, 5], [7, 7, 7, 9, 11, 13]) == 2


def overload(held: float = 0.0, open_: float = 0.0, ttft: float = 0.5) -> float | None:
    """When overload is said to have begun, with so much more of each in every second of twenty."""
    of = Overload(20.0, 0.0, 10.0)
    for second in range(1, 21):
        for _ in range(10):
            of.ended(1 + second * ttft, second * held)
        now = Progress(
            elapsed=float(second), open=5 + int(second * open_), tokens=0, ended=10 * second, failed=0
        )
        if (since := of.since(now)) is not None:
            return since
    return None


def test_both_in_flight_and_ttft_must_rise_and_arrivals_held_back_count_as_in_flight() -> None:
    assert overload(open_=2) is not None
    assert overload(held=0.2) is not None, "as many as may be are open, and the others wait"
    assert overload(open_=2, ttft=0.0) is None
    assert overload(open_=0.2) is None, "one in fifty is left behind"
    assert overload() is None


def ended_by(load: Load, stop: Stop, level: Level, **counts: int) -> Stopped | None:
    rules = StopRules(cell(level=level, load=load, stop=stop))
    rules.progress(Progress(elapsed=2.0, open=5, tokens=0, **counts))
    return rules.stopped


@pytest.mark.parametrize(
    ("ended", "failed", "stops"), [(49, 49, False), (50, 5, False), (50, 6, True), (500, 49, False)]
)
def test_errors_end_a_cell_when_enough_streams_have_ended(ended: int, failed: int, stops: bool) -> None:
    for load, level in ((Load(requests=9), Level(streams=2)), (Load(duration=9), Level(streams=2))):
        found = ended_by(load, Stop(errors=0.1, after=50), level, ended=ended, failed=failed)
        assert found == (Stopped(why="errors", at_s=2.0, failed=failed, streams=ended) if stops else None)
    assert ended_by(load, Stop(), level, ended=ended, failed=failed) is None


def test_overload_is_looked_for_only_where_arrivals_keep_one_rate() -> None:
    def looks(load: Load, level: Level, stop: Stop = Stop()) -> bool:  # noqa: B008
        return StopRules(cell(level=level, load=load, stop=stop))._overload is not None

    steady = Load(duration=9, arrivals="poisson")
    assert looks(steady, Level(rate=5))
    assert not looks(steady, Level(rate=5), Stop(overload=False))
    assert not looks(Load(duration=9), Level(streams=5))


def test_a_cell_that_is_ended_is_kept_and_marked_and_the_run_goes_on(tmp_path: Path) -> None:
    def engines(of: Cell, listener: Listener, interrupted: Callable[[], bool], *_: object) -> list[Recording]:
        made = synthetic.recording(
            index=of.index, client=of.client.label, concurrency=of.level.streams or 0, streams=20,
            outcomes={"http_status": 6 if of.level.streams == 8 else 0},
        )  # fmt: skip
        failed = int((made.streams.outcome != "ok").sum())
        listener.progress(Progress(elapsed=1.5, open=1, tokens=0, ended=20, failed=failed))
        return [replace(made, repeat=of.repeat, ended="interrupted" if interrupted() else "")]

    scenario = Scenario(
        name="early",
        target=Target(simulator=Simulator(tokens=1)),
        clients=(ClientId("floor"), ClientId("aiohttp")),
        levels=(Level(streams=8), Level(streams=16)),
        workload=Workload(prompts=(Prompt("a"),), load=Load(duration=9.0), stop=Stop(errors=0.1, after=20)),
    )
    result = run(scenario, tmp_path / "run", Listener(), nullcontext(engines))
    assert (result.failure, result.interrupted) == ("", False)
    found = Run.load(result.folder)
    assert found.info.state == "complete"
    rule = Stopped(why="errors", at_s=1.5, failed=6, streams=20)
    assert {(each.level.streams, each.ended, each.stopped) for each in found.recordings} == {
        (8, "", rule), (16, "", None),
    }  # fmt: skip
    early = [s for s in found.summaries if s.level.streams == 8]
    assert all(any(isinstance(r, reasons.TooManyErrors) for r in s.reasons) for s in early)
    assert {s.validity for s in early} == {Validity.SUSPECT}
    (answer,) = [one for one in found.findings if isinstance(one, StoppedEarly)]
    assert (answer.why, answer.stopped, answer.cells, answer.at_s) == ("errors", 2, 2, 1.5)
    assert "ended after 1.5 s by the stop rule: 6 of 20 streams had failed" in found.summary()["reasons"][0]


def test_an_overloaded_measurement_counts_and_says_since_when() -> None:
    made = synthetic.recording(client="floor", streams=20)
    over = replace(made, stopped=Stopped(why="overload", at_s=12.0, since_s=4.5))
    (found,) = summarise(synthetic.run("run", [over]))
    assert found.validity is Validity.SUSPECT
    (why,) = (each for each in found.reasons if isinstance(each, reasons.Overloaded))
    assert (why.since_s, why.at_s) == (4.5, 12.0)
    assert reason(why).startswith("overloaded from t = 4.5 s: ")
