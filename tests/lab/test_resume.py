"""What of a run is missing, and which differences keep it from being completed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadgen.analysis.differences import not_resumable
from loadgen.lab import plan
from loadgen.lab.lifecycle import RunWriter, described
from loadgen.lab.masking import is_complete, shareable
from loadgen.lab.resume import Resumed, scenario_of
from loadgen.model import (
    Cell,
    ClientId,
    Level,
    Load,
    MachineInfo,
    Prompt,
    Recording,
    Run,
    RunInfo,
    Scenario,
    ServerInfo,
    Simulator,
    Target,
    Workload,
)
from loadgen.model.scenario import Trace
from loadgen.preflight.requirements import Refused
from loadgen.store import load
from tests.lab.test_lifecycle import recording

SCENARIO = Scenario(
    name="half",
    target=Target(simulator=Simulator()),
    clients=(ClientId("floor"), ClientId("aiohttp")),
    levels=(Level(streams=2), Level(streams=10)),
    workload=Workload(prompts=(Prompt("a"),), load=Load(duration=1.0)),
    repeats=2,
)
CELLS = plan.cells(SCENARIO, "http://h", ())
INFO = replace(
    described(SCENARIO, "http://h", CELLS),
    machine=MachineInfo(processor="A", cores=4, memory_kib=1_000_000, release="6.1"),
    server=ServerInfo(name="Ollama", version="0.1", model="m", digest="d", context=4096),
)


def killed(folder: Path, saved: Sequence[tuple[int, str]], kept: int | None = None) -> Run:
    """A run that ended after these cells were saved, and one was kept."""
    writer = RunWriter(SCENARIO, "http://h", CELLS, folder=folder)
    for index, ended in saved:
        writer.save(CELLS[index - 1], [recording(CELLS[index - 1], ended=ended)])
    if kept is not None:
        writer.keep(CELLS[kept - 1], recording(CELLS[kept - 1], ended="loadgen itself was ended"))
    return load(folder)


def tasks(run: Run, disturbed: Sequence[int] = (), remeasure: int = 0) -> list[tuple[int, int, int]]:
    def judge(parts: Sequence[Recording]) -> str:
        return "a neighbour" if parts[0].index in disturbed else ""

    found = Resumed(run, lambda *_: ()).tasks(CELLS, judge, remeasure)
    return [(task.cell.index, task.cell.attempt, task.tries) for task in found]


def test_what_has_not_ended_is_missing_and_what_had_begun_is_a_new_attempt(tmp_path: Path) -> None:
    run = killed(tmp_path / "run", [(1, ""), (2, "interrupted"), (3, "")], kept=4)
    assert tasks(run) == [(2, 1, 0), (4, 1, 0), (5, 0, 0), (6, 0, 0), (7, 0, 0), (8, 0, 0)]


def test_a_disturbed_cell_is_measured_again_after_those_of_its_round(tmp_path: Path) -> None:
    run = killed(tmp_path / "run", [(1, ""), (2, ""), (3, "")])
    assert tasks(run, disturbed=[1, 3], remeasure=1) == [
        *[(4, 0, 0), (1, 1, 1), (3, 1, 1)],
        *[(index, 0, 0) for index in (5, 6, 7, 8)],
    ]
    assert tasks(run, disturbed=[1, 3], remeasure=0) == [(index, 0, 0) for index in (4, 5, 6, 7, 8)]


def test_a_worker_that_was_lost_leaves_no_cell_missing(tmp_path: Path) -> None:
    writer = RunWriter(SCENARIO, "http://h", CELLS, folder=tmp_path / "run")
    parts = [recording(CELLS[0], worker="h-1"), recording(CELLS[0], worker="h-2", ended="no heartbeat")]
    writer.save(CELLS[0], parts)
    run = load(writer.folder)
    assert tasks(run)[0] == (2, 0, 0)
    with pytest.raises(Refused, match="workers: 2, now 0"):
        Resumed(run, lambda *_: ()).check(run.info)
    Resumed(run, lambda *_: (), workers=2).check(run.info)


def test_a_run_goes_on_as_it_was_described(tmp_path: Path) -> None:
    run = killed(tmp_path / "run", [(1, "")], kept=2)
    today = replace(run.info, url="http://h:2", started="2030-01-01T00:00:00Z", server=ServerInfo(name="S"))
    found = Resumed(run, lambda *_: ()).taken_up(today)
    assert (found.started, found.url, found.state) == (run.info.started, "http://h:2", "running")
    assert found.resumed == ("2030-01-01T00:00:00Z",)
    assert found.server == ServerInfo(name="S")
    assert [cell.ended for cell in found.cells[:3]] == ["", "the run ended before the cell", None]


def other(**changes: Any) -> RunInfo:
    of = {"machine": INFO.machine, "server": INFO.server, "scenario": INFO.scenario}
    parts = {name: replace(of[name], **changes.pop(name)) for name in list(changes) if name in of}  # type: ignore[type-var]
    return replace(INFO, **parts, **changes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, []),
        ({"started": "later", "url": "http://h:9", "state": "failed", "server_cores": (1,)}, []),
        ({"scenario": {"source": "elsewhere.yaml"}}, []),
        ({"machine": {"memory_kib": 1_000_100}}, []),
        ({"server": {"context": None, "size_bytes": 1 << 30, "vram_bytes": 1 << 30}}, []),
        ({"loadgen": "9.9"}, [f"loadgen: {INFO.loadgen}, now 9.9"]),
        ({"versions": {**INFO.versions, "aiohttp": "0.1"}}, ["versions.aiohttp: "]),
        ({"machine": {"cores": 2, "processor": "B", "release": "6.2"}},
         ["machine.release: 6.1, now 6.2", "machine.processor: A, now B", "machine.cores: 4, now 2"]),
        ({"server": {"version": "0.2", "digest": "e"}}, ["server.version: 0.1, now 0.2", "server.digest: d, now e"]),
        ({"server": {"model": None}}, ["server.model: m, now nothing"]),
        ({"scenario": {"repeats": 3, "seed": 1}}, ["scenario.repeats: 2, now 3", "scenario.seed: 0, now 1"]),
        ({"scenario": {"clients": (ClientId("floor"),)}}, ["scenario.clients: floor, aiohttp, now floor"]),
        ({"scenario": {"workload": Workload(prompts=(Prompt("b"),), load=Load(duration=2.0))}},
         ["scenario.load.duration: 1, now 2", "scenario.prompts: a, now b"]),
    ],
)  # fmt: skip
def test_what_changes_figures_is_named(changes: dict[str, Any], named: list[str]) -> None:
    found = not_resumable(INFO, other(**changes))
    assert len(found) == len(named)
    assert all(each.startswith(text) for each, text in zip(found, named, strict=True)), found


def test_cells_of_another_plan_are_refused(tmp_path: Path) -> None:
    run = killed(tmp_path / "run", [(1, "")])
    more = replace(run, info=replace(run.info, cells=(*run.info.cells, replace(run.info.cells[0], index=99))))
    with pytest.raises(Refused, match="no folder of loadgen run"):
        Resumed(more, lambda *_: ()).check(run.info)
    pinned = replace(run.info, cells=tuple(replace(cell, cores=(3,)) for cell in run.info.cells))
    with pytest.raises(Refused, match="cores of the clients: any, now 3"):
        Resumed(run, lambda *_: ()).check(pinned)


def test_a_scenario_with_secrets_or_interpreters_must_be_named(tmp_path: Path) -> None:
    secret = replace(SCENARIO, target=Target(url="http://h", headers={"Authorization": "x"}))
    python = replace(SCENARIO, clients=(ClientId("floor", {"python": "3.13t"}),))
    trace = Load(arrivals="trace", trace=Trace(file="t.jsonl", rate=1.0, seconds=9.0))
    traced = replace(SCENARIO, workload=replace(SCENARIO.workload, load=trace))
    found = [is_complete(shareable(each)) for each in (SCENARIO, secret, python, traced)]
    assert found == [True, False, False, False]
    run = killed(tmp_path / "run", [])
    assert scenario_of(run) == run.info.scenario
    with pytest.raises(Refused, match="name the file"):
        scenario_of(replace(run, info=replace(run.info, scenario=shareable(secret))))


def test_the_plan_is_that_of_the_first_run(tmp_path: Path) -> None:
    def plain(cells: Sequence[Cell]) -> list[tuple[object, ...]]:
        return [(cell.index, cell.client, cell.level, cell.repeat, cell.seed) for cell in cells]

    stored = scenario_of(killed(tmp_path / "run", []))
    assert plain(plan.cells(stored, "http://h", ())) == plain(CELLS)
