"""A recording that is saved while it is measured: nothing is lost but the last seconds, and memory is bounded."""

from __future__ import annotations

import gc
import tracemalloc
from array import array
from dataclasses import fields, replace
from pathlib import Path

import pytest

from loadgen import store
from loadgen.lab import plan, spool
from loadgen.lab.lifecycle import RunWriter
from loadgen.lab.spool import Rows, Spool
from loadgen.model import (
    ClientId,
    CpuSample,
    Level,
    Load,
    Outcome,
    Pause,
    Prompt,
    Recording,
    RecordingInfo,
    Sample,
    Scenario,
    Stream,
    Target,
    Usage,
    Workload,
)
from loadgen.store import StoreError
from tests import synthetic

SCENARIO = Scenario(
    name="long",
    target=Target(url="http://h"),
    clients=(ClientId("aiohttp"),),
    levels=(Level(streams=1),),
    workload=Workload(prompts=(Prompt("a"),), load=Load(duration=1e6)),
    secrets=frozenset({"s3cret99"}),
)
(CELL,) = plan.cells(SCENARIO, "http://h", ())[:1]
GOES_ON = "the engine has not ended"


def info(ended: str = GOES_ON) -> RecordingInfo:
    made = synthetic.recording(index=CELL.index, streams=1, concurrency=1, ended=ended)
    return RecordingInfo(**{field.name: getattr(made, field.name) for field in fields(RecordingInfo)})


def rows(at: int, streams: int = 20, reads: int = 30) -> Rows:
    """What an engine reports in one go: streams that ended out of order, each with reads and stamps of its own."""
    made = [
        Stream(
            slot=slot, due=at, start=at - slot, headers=at, end=at, outcome=Outcome.OK, status=200,
            error=f"it said s3cret99 {slot}", size=reads,
            arrivals=array("q", range(at, at + reads)).tobytes(), counts=array("H", [1] * reads).tobytes(),
            stamps=array("i", range(slot, slot + reads)).tobytes(), first_stamp_ns=at, usage=Usage(),
        )
        for slot in range(streams)
    ]  # fmt: skip
    return Rows(made, [Sample(at=at)], [Pause("gc_pause", at, at + 1)], [CpuSample(at, 1, 2)])


@pytest.fixture
def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunWriter:
    monkeypatch.setattr(spool, "MAX_FILE_BYTES", 60_000)
    monkeypatch.setattr(spool, "SAVE_INTERVAL_S", 0.0)
    return RunWriter(SCENARIO, "http://h", (CELL,), folder=tmp_path / "run")


def kept(writer: RunWriter, parts: int) -> Spool:
    made = Spool(lambda part: writer.keep(CELL, part))
    for part in range(parts):
        made.add(rows(1000 * (part + 1)), info)
    save(made)
    return made


def save(made: Spool) -> None:
    """Let the interval go by after which it saves, twice: it may have been saving."""
    for _ in range(2):
        made.add(Rows([], [], [], []), info)
        made._wait()


def wanted(parts: int) -> Recording:
    """The same rows, saved at once."""
    found = [rows(1000 * (part + 1)) for part in range(parts)]
    return store.filled(info(), *([row for of in found for row in of[place]] for place in range(4)))


def same(found: Recording, other: Recording) -> bool:
    def columns(of: Recording) -> dict[str, object]:
        tables = ("streams", "arrivals", "stamps", "samples", "pauses", "cpu_samples")
        return {
            f"{table}.{name}": column.tolist()
            for table in tables
            for name, column in getattr(of, table).columns.items()
            if name != "error"
        }

    return columns(found) == columns(other)


@pytest.mark.parametrize("parts", [1, 7, 23])
def test_a_long_cell_in_several_files_is_one_recording(writer: RunWriter, parts: int) -> None:
    made = kept(writer, parts)
    (saved,) = writer.save(CELL, [made.recording(info(ended=""))])
    (loaded,) = store.load(writer.folder).recordings
    (cell,) = store.load(writer.folder).info.cells
    assert sorted(cell.files) == sorted(
        f"arrivals/{path.name}" for path in (writer.folder / "arrivals").glob("*.npz")
    )
    assert len(cell.files) == 1 + max(0, (parts - 1) // 4)
    for found in (saved, loaded):
        assert same(found, wanted(parts))
        assert found.ended == ""
        assert not any("s3cret99" in error for error in found.streams.error)


def test_what_was_saved_before_a_crash_is_reported(writer: RunWriter) -> None:
    kept(writer, 12)
    run = store.load(writer.folder)
    assert same(run.recordings[0], wanted(12))
    assert run.recordings[0].ended
    assert (run.info.state, run.info.cells[0].ended) == ("running", None)
    assert len(run.info.cells[0].files) > 1


def test_parts_of_workers_with_awkward_names_stay_apart(writer: RunWriter) -> None:
    names = ("", "a", "a.1", ".1", "1")
    for name in names:
        made = Spool(lambda part, name=name: writer.keep(CELL, replace(part, worker=name)))  # type: ignore[misc]
        for part in range(12):
            made.add(rows(1000 * (part + 1)), info)
        save(made)
    assert sorted(each.worker for each in store.load(writer.folder).recordings) == sorted(names)
    assert all(same(each, wanted(12)) for each in store.load(writer.folder).recordings)


def test_memory_is_bounded_whatever_the_length(writer: RunWriter) -> None:
    made = Spool(lambda part: writer.keep(CELL, part))
    most = []
    gc.freeze()
    tracemalloc.start()
    for _ in range(2):
        tracemalloc.reset_peak()
        for part in range(150):
            made.add(rows(1000 * part), info)
            gc.collect()  # when cycles go is not asked here
        save(made)
        most.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    gc.unfreeze()
    assert most[1] < 1.2 * most[0]


def test_a_cell_in_which_little_happens_needs_little_memory(writer: RunWriter) -> None:
    """Thousands of updates with hardly a row are no thousands of tables."""
    made = Spool(lambda part: writer.keep(CELL, part))
    for part in range(200):
        made.add(Rows([], [Sample(at=part)], [], []), info)
        made._wait()
    assert len(made._tables) < 5
    assert made.recording(info()).samples.at.tolist() == list(range(200))


def test_a_folder_that_goes_away_names_the_file(writer: RunWriter) -> None:
    made = kept(writer, 1)
    (writer.folder / "arrivals" / "0001.npz").unlink()
    (writer.folder / "arrivals").rmdir()
    with pytest.raises(StoreError, match=r"0001\.npz: not written: No such file"):
        save(made)
    with pytest.raises(StoreError, match="not written"):
        made.recording(info())


def test_without_a_folder_everything_stays_in_memory() -> None:
    made = Spool()
    for part in range(12):
        made.add(rows(1000 * (part + 1)), info)
    assert same(made.recording(info()), wanted(12))
