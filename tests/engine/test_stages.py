"""Stages against the simulator: both drivers start the same streams, and end none of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loadgen.loads import arrivals
from loadgen.model import ClientId, Load, Outcome, Simulator, Stage
from loadgen.simulator.process import Process
from tests.clients.measuring import record
from tests.lab.cells import cell

# Slots 3 to 5 leave and are wanted again while they still have a stream, which takes a quarter of a second.
STAGES = (Stage(8, 0.1), Stage(8, 0.025), Stage(3, 0.0), Stage(6, 0.05), Stage(6, 0.325))


@pytest.fixture(scope="module")
def simulator() -> Iterator[Process]:
    with Process(Simulator(ttft=0.15, gap=0.025, tokens=5)) as process:
        yield process


def test_the_same_streams_start_and_run_to_their_end(simulator: Process) -> None:
    wanted = cell(client=ClientId("requests"), url=simulator.url, concurrency=8, load=Load(stages=STAGES))
    recording = record(wanted)
    found = recording.streams
    assert set(found.outcome.tolist()) == {Outcome.OK}
    planned = list(arrivals(wanted))
    for slot in range(8):
        dues, ends = (column[found.slot == slot] - recording.start for column in (found.due, found.end))
        assert dues.min() == next(each.due for each in planned if each.slot == slot)
        until = max(each.until for each in planned if each.slot == slot)
        assert dues.max() < until <= ends.max()  # it has a stream until then, however long each takes
    lasts = recording.start + 500_000_000
    assert recording.window == (recording.start, lasts)
    assert found.due.max() < lasts < found.end.max()
    assert recording.edges[1].at >= lasts
