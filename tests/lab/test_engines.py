"""Cells that several engines share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from loadgen.analysis import summarise
from loadgen.analysis.answer import findings
from loadgen.analysis.repeats import repeats_of
from loadgen.analysis.validity import of_repeat
from loadgen.lab import engine, engines
from loadgen.model import (
    ClientId,
    EngineNumber,
    Estimate,
    Level,
    Listener,
    Load,
    OnCores,
    Prediction,
    Recording,
    Simulator,
    Validity,
    reasons,
)
from loadgen.preflight import cores
from loadgen.preflight.requirements import Refused
from loadgen.report.sections.setup import _why
from loadgen.simulator.process import Process
from tests.lab.cells import cell
from tests.preflight.test_prediction import SPEED, scenario
from tests.synthetic import recording, run, split

SLOW = Simulator(ttft=0.02, gap=0.02, tokens=10)


def shared(whole: Recording, number: int = 2) -> list[Recording]:
    parts = split(whole, number, apart_s=0.0)
    return [
        replace(part, worker="", engine=EngineNumber(n, number), window=whole.window, clock=whole.clock)
        for n, part in enumerate(parts, 1)
    ]


def test_one_engine_that_is_killed_ends_the_cell_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pids: dict[int, int] = {}
    heard: list[int] = []
    original = engine.Engine.run

    def noted(self: engine.Engine, *args: Any) -> None:
        assert self.cell.engine is not None
        pids[self.cell.engine.number] = self.pid
        original(self, *args)

    class Killer(Listener):
        def ended(self, streams: Sequence[Any], of: Callable[[], Any]) -> None:
            heard.append(len(streams))
            if sum(heard) >= 6 and 2 in pids:
                os.kill(pids.pop(2), signal.SIGKILL)

    monkeypatch.setattr(engine.Engine, "run", noted)
    with Process(SLOW) as server:
        asked = cell(url=server.url, concurrency=4, engines=2, load=Load(duration=30.0))
        parts = engines.record(asked, Killer(), lambda: False)
    assert {part.ended for part in parts} == {"engine 2 of 2 died (signal 9)"}
    assert sum(len(part.streams) for part in parts) == sum(heard) >= 6
    found = [each for each in of_repeat(repeats_of(parts)[0]) if isinstance(each, reasons.EndedEarly)]
    assert [(each.validity, each.engines) for each in found] == [(Validity.INVALID, ())]


def test_an_engine_that_never_gets_ready_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    original = engine.Engine.run

    def never_ready(self: engine.Engine, *args: Any) -> None:
        if self.cell.engine != EngineNumber(2, 2):
            original(self, *args)

    monkeypatch.setattr(engine.Engine, "run", never_ready)
    asked = cell(concurrency=2, engines=2, load=Load(duration=30.0))
    parts = engines.record(asked, Listener(), lambda: False)
    assert [(part.ended, len(part.streams)) for part in parts] == [("engine 2 of 2 never got ready", 0)] * 2


def test_auto_takes_as_many_as_leave_each_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {"aiohttp": 1.5, "floor": 0.2}

    def predict(*_: object) -> tuple[Prediction, ...]:
        return tuple(Prediction(ClientId(name), Level(streams=9), cores) for name, cores in needs.items())

    monkeypatch.setattr(engines, "predict", predict)
    wanted = replace(
        scenario(Load(duration=1.0), Level(streams=9), clients=("aiohttp", "floor", "mine")), engines="auto"
    )
    for free, expected, noted in ((4, (3, 1, 1), 1), (2, (2, 1, 1), 2)):
        monkeypatch.setattr(engines, "most_engines", lambda free=free: free)
        notes: list[str] = []
        chosen, predictions = engines.predicted(wanted, SPEED, notes.append)
        assert tuple(chosen(client, Level(streams=9)) for client in wanted.clients) == expected
        assert len(predictions) == 2
        assert len(notes) == noted  # of `mine`, and of the cores that lack


def test_engines_have_cores_of_their_own_and_the_simulator_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "available", lambda: [0, 1, 2, 3])
    assert cores.cores((), 2)[:3] == ((3, 2), (0,), (1,))
    assert cores.cores((2, 3), 2)[:3] == ((1, 0), (2,), (3,))
    assert cores.cores((), 3)[:3] == ((3, 2, 1), (0,), (0,))
    cores.require(4, simulated=False)
    with pytest.raises(
        Refused, match="engines: 4 needs 5 cores, one of them for the simulator; this machine has 4"
    ):
        cores.require(4, simulated=True)


def test_the_answer_says_on_how_many_cores_a_client_carries_a_level() -> None:
    made = {"duration_ms": 15_000, "streams": 200, "concurrency": 10, "client": "floor"}
    quiet = run(".", shared(recording(lag_us=1000.0, **made)))
    (found,) = [each for each in findings(quiet, summarise(quiet)) if isinstance(each, OnCores)]
    assert (found.client, found.level, found.engines) == (ClientId("floor"), Level(streams=10), 2)
    assert isinstance(found.lag_ms, Estimate)
    assert found.lag_ms.value == pytest.approx(1.0, abs=0.1)
    for other in (
        run(".", [recording(lag_us=1000.0, **made)]),
        run(".", shared(recording(lag_us=20_000.0, **made))),
    ):
        assert not [each for each in findings(other, summarise(other)) if isinstance(each, OnCores)]


def test_more_engines_than_streams_are_never_wanted() -> None:
    needs = Prediction(ClientId("floor"), Level(streams=2), 5.0)
    assert (needs.lacks(1), needs.lacks(2)) == (True, False)
    assert Prediction(ClientId("floor"), Level(rate=2.0), 5.0).lacks(2)


def test_the_setup_says_why_auto_gave_so_many() -> None:
    needs = Prediction(ClientId("floor"), Level(streams=9), 1.5)
    assert _why(2, needs, auto=True) == "2, as many as there are cores for; predicted to need 1.50 cores"
    assert _why(3, needs, auto=True) == "3; predicted to need 1.50 cores"
    assert _why(1, needs, auto=False) == "1; predicted to need 1.50 cores"
    assert _why(1, None, auto=True) == "1; how many cores it needs is not known"
