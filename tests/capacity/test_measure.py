"""Steps as they are really measured: engines on cores of their own, and what this machine allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loadgen import store
from loadgen.analysis.repeats import repeats_of
from loadgen.capacity import objectives
from loadgen.capacity.measure import FILE, find_limits
from loadgen.capacity.objectives import ServerObjectives
from loadgen.capacity.readings import Budget, Reading, read
from loadgen.capacity.search import SearchListener
from loadgen.lab import engines
from loadgen.model import (
    ClientId,
    EngineNumber,
    Level,
    Limit,
    Listener,
    Load,
    Prompt,
    Scenario,
    Simulator,
    Target,
    Threshold,
    Workload,
)  # fmt: skip
from loadgen.preflight.cores import available
from loadgen.preflight.requirements import Refused
from loadgen.simulator.process import Process
from tests.lab.cells import cell

SPEC = Simulator(ttft=0.02, gap=0.02, tokens=20)
BUDGET = Budget(lag_p99_ms=5000.0, errors=0.01, ttft=None)


@pytest.fixture
def simulator() -> Iterator[Process]:
    with Process(SPEC) as process:
        yield process


class Heard(SearchListener):
    """What a search reported."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, float]] = []
        self.readings: list[Reading] = []

    def step_begins(self, client: ClientId, level: Level) -> None:
        self.begun.append((client.label, level.value))

    def step_ends(self, reading: Reading) -> None:
        self.readings.append(reading)

    def note(self, text: str) -> None:
        raise AssertionError(text)


def scenario(**changes: object) -> Scenario:
    plain = Scenario(
        name="small",
        target=Target(simulator=SPEC),
        clients=(ClientId("floor"),),
        levels=(Level(streams=8),),
        workload=Workload(load=Load(requests=1), prompts=(Prompt("Why?"),)),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.skipif(len(available()) < 2, reason="one core only")
def test_engines_on_their_own_cores_share_the_streams(simulator: Process) -> None:
    cores = tuple(available()[:2])
    asked = cell(url=simulator.url, concurrency=5, engines=2, cores=cores, load=Load(requests=3))
    parts = engines.record(asked, Listener(), lambda: False)
    assert [part.engine for part in parts] == [EngineNumber(1, 2), EngineNumber(2, 2)]
    assert parts[0].start == parts[1].start
    assert [part.share for part in parts] == [3, 2]
    assert [set(part.streams.slot.tolist()) for part in parts] == [{0, 2, 4}, {1, 3}]
    assert simulator.log().streams == 15
    (repeat,) = repeats_of(parts)
    reading = read(repeat, BUDGET)
    assert (reading.verdict, reading.bound, reading.errors) == ("within", "lag_p99", 0.0)


def test_a_simulator_with_four_slots_is_a_server_that_queues() -> None:
    queueing = replace(SPEC, ttft=0.1, parallel=4)
    slo = ServerObjectives([Threshold(text="ttft_p95_ms < 300", metric="ttft_p95_ms", op="<", value=300.0)])
    with Process(queueing) as server:
        # without its log, which on a busy machine tells that it was late
        asked = cell(
            url=server.url, concurrency=12, simulated=True, cores=(available()[0],), load=Load(requests=3)
        )
        (repeat,) = repeats_of(engines.record(asked, Listener(), lambda: False))
    found = objectives.read(repeat, slo)
    assert (found.bound, found.limited_by or found.obstacle) == ("ttft_p95_ms", Limit.SERVER)
    assert found.figures["served_peak"] == 4
    expected = 1000 * (queueing.ttft + 2 * (queueing.ttft + 19 * queueing.gap))
    assert (found.figures["ttft_p50_ms"] or 0) > 0.8 * expected


def test_more_cores_than_there_are_are_refused_with_their_number(tmp_path: Path) -> None:
    have = len(available())
    with pytest.raises(Refused, match=f"engines: {have} needs {have + 1} cores.* this machine has {have}"):
        find_limits(scenario(engines=max(2, have)), BUDGET, Heard(), folder=tmp_path / "run")


def test_more_streams_than_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="do not fit this machine"):
        find_limits(scenario(), BUDGET, Heard(), folder=tmp_path / "run", highest=100_000_000)


def test_a_ttft_budget_is_held_against_one_stream_of_the_same_client(
    simulator: Process, tmp_path: Path
) -> None:
    heard = Heard()
    budget = Budget(lag_p99_ms=None, errors=None, ttft=1000.0)
    # as any server: one that tells how late it was would have its cells repeated on a busy machine
    found = find_limits(
        scenario(target=Target(url=simulator.url)),
        budget,
        heard,
        folder=tmp_path / "run",
        window=0.5,
        highest=8,
    )
    assert heard.begun == [("floor", 1)] * 2 + [("floor", 8)]
    assert found.ttft_one_stream_ms[ClientId("floor")] > 15
    assert [reading.verdict for reading in heard.readings] == ["within"]
    assert found.clients[0].stopped == "highest"
    kept = store.load(tmp_path / "run")
    assert [recording.level.streams for recording in kept.recordings] == [1, 1, 8]
    assert kept.info.scenario.levels == (Level(streams=1), Level(streams=8))
    assert kept.info.state == "complete"
    assert (tmp_path / "run" / FILE).exists()


def test_streams_that_go_on_for_too_long_are_ended(tmp_path: Path) -> None:
    endless = replace(SPEC, faults={"stall": 1.0})
    slow = scenario(target=Target(simulator=endless))
    errors = Budget(lag_p99_ms=None, errors=0.01, ttft=None)
    found = find_limits(slow, errors, Heard(), folder=tmp_path / "run", window=0.5, highest=8)
    (kept, *_) = store.load(tmp_path / "run").recordings
    assert kept.ended == "its streams went on for too long, and were ended"
    assert kept.window[1] - kept.window[0] == 500_000_000
    assert {reading.errors for reading in found.steps} == {0.0}
