"""A run folder from its making to its end, without any engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from loadgen import clients, store
from loadgen.lab import plan
from loadgen.lab.lifecycle import CellError, RunWriter
from loadgen.model import Cell, ClientId, Level, Load, Prompt, Recording, RunInfo, Scenario, Target, Workload
from loadgen.simulator.process import SimulatorError
from loadgen.store import StoreError
from tests import synthetic

SECRET = "s3cret99"
SCENARIO = Scenario(
    name="a name/with ../slashes",
    target=Target(url=f"http://me:{SECRET}@h/x", headers={"X-Note": f"see {SECRET}"}),
    clients=(ClientId("floor"), ClientId("aiohttp")),
    levels=(Level(streams=10), Level(streams=2)),
    workload=Workload(
        prompts=(Prompt("a"),), load=Load(duration=1.0), options={"stop": [SECRET], "deep": {"key": SECRET}}
    ),
    secrets=frozenset({SECRET}),
)
CELLS = plan.cells(SCENARIO, "http://h", ())


def writer(
    folder: Path | None, cells: list[Cell] = CELLS, interrupted: Callable[[], bool] = lambda: False
) -> RunWriter:
    return RunWriter(SCENARIO, f"http://me:{SECRET}@h/x", cells, folder=folder, interrupted=interrupted)


def recording(cell: Cell, **changes: object) -> Recording:
    made = synthetic.recording(
        index=cell.index, client=cell.client.label, concurrency=2, streams=3, outcomes={"reset": 1}
    )
    same = {"level": cell.level, "repeat": cell.repeat, "mode": clients.info(cell.client.name).mode}
    return replace(made, **same | changes)  # type: ignore[arg-type]


def on_disk(folder: Path) -> RunInfo:
    return store.load(folder).info


def test_run_json_is_true_at_every_moment(tmp_path: Path) -> None:
    with writer(tmp_path / "run") as run:
        assert on_disk(run.folder).state == "running"
        assert [cell.ended for cell in on_disk(run.folder).cells] == [None] * 4
        run.save(CELLS[1], [recording(CELLS[1])])
        found = on_disk(run.folder)
        assert found == run.info
        assert [cell.ended for cell in found.cells] == [None, "", None, None]
        assert [cell.files for cell in found.cells] == [(), ("arrivals/0002.npz",), (), ()]
        assert found.scenario.levels == SCENARIO.levels, "in the order of the scenario"
    assert on_disk(run.folder).state == "complete"
    assert on_disk(run.folder).ended is not None
    assert (run.result.folder, run.result.interrupted, run.result.failure) == (run.folder, False, "")


def test_cells_that_were_not_planned_are_added_with_their_levels(tmp_path: Path) -> None:
    with writer(tmp_path / "run", cells=[]) as run:
        for index, streams in enumerate((8, 16, 12), start=1):
            cell = replace(CELLS[0], index=index, level=Level(streams=streams))
            run.save(cell, [recording(cell, worker="host-1"), recording(cell, worker="host-2", ended="lost")])
    found = on_disk(run.folder)
    assert [cell.level.streams for cell in found.cells] == [8, 16, 12]
    assert found.scenario.levels == (Level(streams=8), Level(streams=12), Level(streams=16))
    assert (found.cells[0].ended, found.cells[0].workers) == ("lost", ("host-1", "host-2"))


def test_a_cell_saved_again_replaces_what_was_saved_before(tmp_path: Path) -> None:
    with writer(tmp_path / "run", cells=CELLS[:1]) as run:
        run.save(CELLS[0], [recording(CELLS[0], ended="still running")])
        more = replace(CELLS[0], level=Level(streams=77))
        run.save(more, [recording(more)])
    found = store.load(run.folder)
    assert [(cell.ended, cell.level) for cell in found.info.cells] == [("", Level(streams=77))]
    assert found.info.scenario.levels == (Level(streams=77),)
    assert len(found.recordings) == 1


@pytest.mark.parametrize(
    "error", [StoreError("x"), SimulatorError("x"), CellError("x"), OSError(28, "No space left")], ids=repr
)
def test_what_stands_in_the_way_is_the_runs_failure(tmp_path: Path, error: Exception) -> None:
    with writer(tmp_path / "run") as run:
        raise error
    assert run.result.failure == on_disk(run.folder).failure == str(error)
    assert on_disk(run.folder).state == "failed"


def test_an_unexpected_error_is_recorded_and_raised(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writer(tmp_path / "run"):
        _ = 1 / 0
    assert on_disk(tmp_path / "run").state == "failed"


def test_an_interrupted_run_says_so(tmp_path: Path) -> None:
    with writer(tmp_path / "first", interrupted=lambda: True) as run:
        pass
    assert (run.result.interrupted, on_disk(run.folder).state) == (True, "interrupted")
    with pytest.raises(KeyboardInterrupt), writer(tmp_path / "second"):
        raise KeyboardInterrupt
    assert on_disk(tmp_path / "second").state == "interrupted"


def test_a_disk_that_fills_at_the_end_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreError("run.json: not written: No space left on device")

    with writer(tmp_path / "run") as run:
        monkeypatch.setattr(store, "write_info", full)
    assert "No space left" in run.result.failure
    assert run.info.state == "failed"


def test_no_secret_is_written(tmp_path: Path) -> None:
    with writer(tmp_path / "run") as run:
        made = recording(CELLS[0], workload=replace(SCENARIO.workload, prompts=()), ended=f"died of {SECRET}")
        made.streams.error[:] = f"refused {SECRET}"
        (part,) = run.save(CELLS[0], [made])
        assert part.ended == "died of ***"
        raise StoreError(f"no {SECRET}")
    for path in run.folder.rglob("*.*"):
        assert SECRET.encode() not in path.read_bytes(), path
    found = store.load(run.folder)
    assert found.recordings[0].workload.options == {"stop": ["***"], "deep": {"key": "***"}}
    assert found.info.scenario.workload.options == {"stop": ["***"], "deep": {"key": "***"}}
    assert set(found.recordings[0].streams.error) == {"refused ***"}


def test_no_secret_of_a_header_or_url_is_in_a_repr() -> None:
    plain = replace(SCENARIO, workload=replace(SCENARIO.workload, options={}))
    cells = plan.cells(plain, f"http://me:{SECRET}@h/x", ())
    assert any(SECRET in header for header in cells[0].headers.values())
    assert SECRET not in repr((plain, cells))


def test_two_runs_never_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [writer(None) for _ in range(3)]
    folders = [run.folder for run in runs]
    assert len(set(folders)) == 3
    assert all(folder.parent == Path("reports") for folder in folders)
    assert all("-a-name-with-..-slashes" in folder.name for folder in folders)
    with pytest.raises(StoreError, match="not empty"):
        writer(folders[0])


def test_of_two_runs_in_a_race_for_a_folder_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(()))  # the other has not come so far yet
    writer(tmp_path / "run")
    with pytest.raises(StoreError, match="no run folder can be made here: File exists"):
        writer(tmp_path / "run")


def test_where_no_folder_can_be_made_the_reason_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(StoreError, match="no run folder can be made here"):
        writer(None)
