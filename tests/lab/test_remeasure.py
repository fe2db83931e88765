"""Cells that the machine disturbed are measured again, at the end of their round, and not for ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from loadgen import store
from loadgen.findings import findings
from loadgen.lab.run import Judge, run
from loadgen.model import (
    Cell,
    ClientId,
    Level,
    Listener,
    Load,
    Prompt,
    Recording,
    Run,
    Scenario,
    Simulator,
    Target,
    Workload,
)
from tests import synthetic

SCENARIO = Scenario(
    name="again",
    target=Target(simulator=Simulator(ttft=0.02, gap=0.01, tokens=5)),
    clients=(ClientId("floor"), ClientId("aiohttp")),
    levels=(Level(streams=2),),
    workload=Workload(prompts=(Prompt("a"),), load=Load(requests=1)),
    repeats=2,
    remeasure=2,
)
Engines = Callable[[Cell, Listener, Callable[[], bool]], Sequence[Recording]]


class Notes(Listener):
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.measured: list[tuple[int, int]] = []

    def again(self, cell: Cell, why: str) -> None:
        self.texts.append(f"{cell.index} {cell.attempt}: {why}")

    def cell_begins(self, cell: Cell) -> None:
        self.measured.append((cell.index, cell.attempt))


def engines(cell: Cell, listener: Listener, interrupted: Callable[[], bool], *_: object) -> list[Recording]:
    """Stand in for an engine."""
    made = synthetic.recording(index=cell.index, client=cell.client.label, concurrency=2, streams=2)
    return [replace(made, repeat=cell.repeat)]


def ran(
    folder: Path, judge: Judge, scenario: Scenario = SCENARIO, engines: Engines = engines
) -> tuple[Notes, Run]:
    notes = Notes()
    result = run(scenario, folder / "run", notes, nullcontext(engines), judge=judge)
    assert not result.failure
    return notes, store.load(result.folder)


def test_a_disturbed_cell_is_measured_again_at_the_end_of_its_round(tmp_path: Path) -> None:
    verdicts = iter(["", "a neighbour", "", "", ""])
    notes, found = ran(tmp_path, lambda _: next(verdicts))
    assert notes.measured == [(1, 0), (2, 0), (2, 1), (3, 0), (4, 0)]
    assert notes.texts == ["2 1: a neighbour"]
    assert [(cell.index, cell.attempt) for cell in found.info.cells] == notes.measured
    assert [(of.index, of.attempt) for of in found.recordings] == notes.measured
    assert all(cell.ended == "" for cell in found.info.cells)
    assert found.info.cells[2].files == ("arrivals/0002+1.npz",)


@pytest.mark.parametrize("remeasure", [0, 1, 2])
def test_no_cell_is_measured_more_often_than_that(tmp_path: Path, remeasure: int) -> None:
    notes, found = ran(tmp_path, lambda _: "always", replace(SCENARIO, remeasure=remeasure))
    assert len(notes.measured) == len(found.recordings) == 4 * (remeasure + 1)
    assert len(notes.texts) == 4 * remeasure
    assert max(attempt for _, attempt in notes.measured) == remeasure


def test_by_default_nothing_is_judged(tmp_path: Path) -> None:
    notes = Notes()
    run(SCENARIO, tmp_path / "run", notes, nullcontext(engines))
    assert len(notes.measured) == 4


def test_every_part_of_workers_has_the_attempt(tmp_path: Path) -> None:
    def two(cell: Cell, *_: object) -> list[Recording]:
        return synthetic.split(engines(cell, Listener(), lambda: False)[0])

    verdicts = iter(["x", ""])
    _, found = ran(
        tmp_path,
        lambda _: next(verdicts),
        replace(SCENARIO, clients=(ClientId("floor"),), repeats=1),
        two,
    )
    assert [(of.worker, of.attempt) for of in found.recordings] == [
        ("host-1", 0), ("host-2", 0), ("host-1", 1), ("host-2", 1),
    ]  # fmt: skip


def test_a_real_cell_is_measured_again_once_and_kept(tmp_path: Path) -> None:
    scenario = replace(SCENARIO, clients=(ClientId("floor"),), repeats=1)
    verdicts, notes = iter(["a neighbour", ""]), Notes()
    result = run(scenario, tmp_path / "run", notes, judge=lambda _: next(verdicts))
    found = store.load(result.folder)
    first, again = found.recordings
    assert (first.attempt, again.attempt) == (0, 1)
    assert first.streams.outcome.tolist() == again.streams.outcome.tolist() == ["ok", "ok"]
    assert (first.index, first.repeat, first.level) == (again.index, again.repeat, again.level)
    assert (first.streams.due - first.start == again.streams.due - again.start).all(), "the same schedule"
    (finding,) = (each for each in findings(found, []) if each.kind == "remeasured")
    assert len(finding.attempts) == 2  # type: ignore[attr-defined]


def test_ctrl_c_ends_the_measuring_again_too(tmp_path: Path) -> None:
    calls = 0

    def interrupting(
        cell: Cell, listener: Listener, interrupted: Callable[[], bool], *_: object
    ) -> list[Recording]:
        nonlocal calls
        calls += 1
        if calls == 2:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)
        return engines(cell, listener, interrupted)

    result = run(SCENARIO, tmp_path / "run", Notes(), nullcontext(interrupting), judge=lambda _: "always")
    assert result.interrupted
    assert calls == 2
