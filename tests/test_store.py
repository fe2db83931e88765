"""What is written is read again, whole, or nothing is there."""

from __future__ import annotations

import json
import os
import re
import shutil
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadgen import store
from loadgen.model import (
    CellInfo,
    ClientId,
    CpuSample,
    CpuSampleTable,
    Level,
    Load,
    Machine,
    MachineInfo,
    Message,
    Outcome,
    Pause,
    Prompt,
    Recording,
    RunInfo,
    Sample,
    SampleTable,
    Scenario,
    ServerLog,
    Simulator,
    Stage,
    Stream,
    Table,
    Target,
    Threshold,
    Timeouts,
    Usage,
    Workload,
)
from loadgen.store import StoreError
from tests import synthetic

PLAIN = Stream(
    slot=0,
    due=100,
    start=110,
    headers=120,
    end=190,
    outcome=Outcome.OK,
    status=200,
    error="",
    size=321,
    arrivals=array("q", [130, 140, 2**50]).tobytes(),
    counts=array("H", [0, 1, 65_535]).tobytes(),
    stamps=b"",
    first_stamp_ns=None,
    usage=Usage(1, 2, 3, 4, 5, 6, 7),
)
NOTHING = replace(
    PLAIN,
    slot=1,
    headers=None,
    status=None,
    outcome=Outcome.REFUSED,
    error="né: 你好 \u2028 🌍\0",
    size=0,
    arrivals=b"",
    counts=b"",
    usage=Usage(),
)
STAMPED = replace(
    PLAIN,
    slot=2,
    counts=array("H", [1, 0, 2]).tobytes(),
    stamps=array("i", [0, -5, 9]).tobytes(),
    first_stamp_ns=2**60,
)
LONG = replace(STAMPED, slot=3, stamps=array("q", [0, 1, 2**40]).tobytes(), error="né: 你好 \u2028 🌍\0")


def recording(*streams: Stream, **changes: Any) -> Recording:
    table, arrivals, stamps, _ = store.table_of_streams(streams)
    samples = [Sample(at=1, rss_kib=2, streams_open=0), Sample(at=3)] if streams else []
    plain: dict[str, Any] = {
        "index": 7,
        "client": ClientId("requests", {"session": "shared"}),
        "mode": "threads",
        "level": Level(streams=4),
        "repeat": 2,
        "workload": Workload(prompts=(), load=Load(duration=1.5, ramp=0.5), options={"num_predict": 3}),
        "ended": "the engine died (signal 9): né",
        "start": 99,
        "window": (99, 2**50),
        "clock": ((1, 2**61), (3, 4)),
        "same_host": True,
        "base_rss_kib": None,
        "base_threads": 1,
        "edges": (Sample(at=1, cpu_ns=5), Sample(at=2, run_wait_ns=2**61)),
        "machine": Machine(window_ns=1, engine_cores=2, others_ns=None, listen_drops=0),
        "server": ServerLog(
            streams=1, open_peak=2, sends=3, late_p50_ms=None, late_p99_ms=0.25, late_max_ms=1e9
        ),
        "streams": table,
        "arrivals": arrivals,
        "stamps": stamps,
        "samples": store.table_of(SampleTable, samples),
        "pauses": store.table_of_pauses([Pause("loop_pause", 1, 2**50), Pause("gc_pause", 3, 4)]),
        "cpu_samples": store.table_of(CpuSampleTable, [CpuSample(1, 2, None), CpuSample(3, 4, 5)]),
    }
    return Recording(**plain | changes)


INFO = RunInfo(
    format=store.FORMAT,
    loadgen="0.1.0",
    name="né",
    state="running",
    started="2026-11-22T12:00:00Z",
    url="http://127.0.0.1:1",
    seed=5,
    scenario=Scenario(
        name="né",
        target=Target(headers={"X-Own": "1"}, simulator=Simulator(models=("m",), faults={"reset": 0.1})),
        clients=(
            ClientId("requests", {"stream": False, "pool": 3}),
            ClientId("aiohttp", python="/usr/bin/python"),
        ),
        levels=(Level(streams=1), Level(rate=2.5)),
        workload=Workload(
            prompts=(Prompt("a"), Prompt(messages=(Message("user", "b"),), output_tokens=3)),
            load=Load(stages=(Stage(7, 1.0),), warmup=0.25),
            stream=False,
            options={"stop": ["\n"], "temperature": 0.5},
            timeouts=Timeouts(connect=1.5),
        ),
        repeats=2,
        thresholds=(
            Threshold(text="x", metric="ttft_p99_ms", op="<", value=0.5, client="a", level=Level(streams=1)),
        ),
        answers="article",
        source="x.yaml",
    ),
    versions={"requests": "2.32", "none": None},
    machine=MachineInfo(system="Linux", cores=2),
    cells=(
        CellInfo(
            index=7,
            client=ClientId("requests", {"session": "shared"}),
            mode="threads",
            level=Level(streams=4),
            repeat=2,
            cores=(1, 2),
            ended="",
            at="2026-11-22T12:00:01Z",
            workers=("host-1",),
        ),
        CellInfo(index=8, client=ClientId("aiohttp"), mode="tasks", level=Level(streams=4), repeat=2),
    ),
    failure="no space left",
)


def saved(folder: Path, *recordings: Recording, info: RunInfo = INFO) -> Path:
    return synthetic.save(folder, info, recordings)


def assert_same(found: Recording, wanted: Recording) -> None:
    for field in (each for each in fields(Recording) if each.compare):
        one, other = getattr(found, field.name), getattr(wanted, field.name)
        assert type(one) is type(other)
        if not isinstance(one, Table):
            assert one == other, field.name
            continue
        for name, column in other.columns.items():
            assert one.columns[name].tolist() == column.tolist(), (field.name, name)
            assert one.columns[name].dtype == column.dtype, (field.name, name)


ALL = (PLAIN, NOTHING, STAMPED, LONG)
USAGE = ("total_ns", "load_ns", "prompt_tokens", "prompt_ns", "server_tokens", "decode_ns", "end_stamp_ns")


@pytest.mark.parametrize(
    "wanted",
    [
        recording(*ALL),
        recording(PLAIN),
        recording(NOTHING),
        recording(STAMPED),
        recording(),
        recording(ended="", edges=(), machine=None, server=None, same_host=False, base_rss_kib=5),
    ],
    ids=["all", "no stamps", "nothing came", "stamped", "no streams", "never began"],
)
def test_a_recording_is_read_as_it_was_written(tmp_path: Path, wanted: Recording) -> None:
    (found,) = store.load(saved(tmp_path / "run", wanted)).recordings
    assert_same(found, wanted)


def test_streams_become_rows() -> None:
    table, arrivals, stamps, _ = store.table_of_streams(ALL)
    assert {len(column) for column in table.columns.values()} == {4}
    rows = [{name: column[place] for name, column in table.columns.items()} for place in range(4)]
    assert rows[0]["headers"] == 120
    assert [
        rows[1][name] for name in ("headers", "status", "first_stamp_ns", "total_ns", "server_tokens")
    ] == [-1] * 5
    assert [rows[0][name] for name in USAGE] == [1, 2, 3, 4, 5, 6, 7]
    assert [(row["reads"], row["text_events"], row["stamped"], row["bytes"]) for row in rows] == [
        (3, 65_536, 0, 321),
        (0, 0, 0, 0),
        (3, 3, 3, 321),
        (3, 3, 3, 321),
    ]
    assert arrivals.at.tolist() == [130, 140, 2**50] * 3
    assert arrivals.count.dtype == np.uint16
    assert stamps.us.tolist() == [0, -5, 9, 0, 1, 2**40]
    assert store.table_of_streams([STAMPED])[2].us.dtype == np.int32


def test_one_long_error_does_not_make_every_row_as_long(tmp_path: Path) -> None:
    long = replace(NOTHING, error="x" * 2048)
    wanted = recording(long, *[PLAIN] * 20_000)
    folder = saved(tmp_path / "run", wanted)
    (path,) = (folder / "arrivals").iterdir()
    assert path.stat().st_size < 7_000_000
    assert store.load(folder).recordings[0].streams.error[0] == long.error


def test_a_token_takes_at_most_16_bytes_on_disk(tmp_path: Path) -> None:
    many = 50_000
    stream = replace(
        PLAIN,
        arrivals=array("q", range(many)).tobytes(),
        counts=array("H", [1] * many).tobytes(),
        stamps=array("i", range(many)).tobytes(),
        first_stamp_ns=1,
    )
    (path,) = (saved(tmp_path / "run", recording(stream)) / "arrivals").iterdir()
    assert path.stat().st_size <= 16 * many


def test_a_synthetic_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    wanted = [
        synthetic.recording(index=index, jitter=0.5, outcomes={"reset": 3, "refused": 2})
        for index in (2, 10, 9)
    ]
    run = store.load(str(saved(tmp_path / "run", *wanted)))
    assert [each.index for each in run.recordings] == [2, 10, 9]
    assert run.recordings[0].streams.outcome.tolist() == wanted[0].streams.outcome.tolist()


def test_recordings_come_in_the_order_of_run_json(tmp_path: Path) -> None:
    order = (9_999, 10_000, 100_000, 9_998)
    info = replace(INFO, cells=())
    run = store.load(saved(tmp_path / "run", *(recording(PLAIN, index=index) for index in order), info=info))
    assert tuple(each.index for each in run.recordings) == order


def test_a_folder_copied_while_the_run_goes_on_is_a_run(tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", recording(PLAIN))
    (folder / "arrivals" / ".0008.npz.half").write_bytes(b"PK half of it")
    copied = store.load(shutil.copytree(folder, tmp_path / "copy"))
    assert [cell.files for cell in copied.info.cells] == [("arrivals/0007.npz",), ()]
    assert [each.index for each in copied.recordings] == [7]


def test_what_run_json_says_is_read_as_it_was_written(tmp_path: Path) -> None:
    secret = replace(INFO, scenario=replace(INFO.scenario, secrets=frozenset({"s3cret"})))
    assert store.load(saved(tmp_path / "run", info=secret)).info == INFO
    text = (tmp_path / "run" / "run.json").read_text(encoding="utf-8")
    assert "né" in text
    assert "s3cret" not in text


# ------------------------------------------------------------------------------------------------- failures


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_but_the_files_is_left(tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", recording(PLAIN))
    assert set(contents(folder)) == {"run.json", "arrivals/0007.npz"}
    assert (folder / "run.json").stat().st_mode & 0o777 == 0o644


def full_disk(*_: Any, **__: Any) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("fails", ["fsync", "replace"])
@pytest.mark.parametrize(
    "write",
    [
        lambda folder: store.save(folder, recording(*ALL)),
        lambda folder: store.write_info(folder, replace(INFO, seed=6)),
    ],
    ids=["save", "info"],
)
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None], fails: str
) -> None:
    folder = saved(tmp_path / "run", recording(PLAIN))
    before = contents(folder)
    monkeypatch.setattr(store.files.os, fails, full_disk)
    with pytest.raises(StoreError, match=r"not written: No space left on device") as raised:
        write(folder)
    assert str(folder) in str(raised.value)
    assert contents(folder) == before
    monkeypatch.undo()
    assert_same(store.load(folder).recordings[0], recording(PLAIN))


def test_a_disk_that_fills_inside_a_file_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(tmp_path / "run")
    before = contents(folder)

    def half(file: Any, **columns: Any) -> None:
        file.write(b"PK half of it")
        full_disk()

    monkeypatch.setattr(store.np, "savez", half)
    with pytest.raises(StoreError, match="No space left"):
        store.save(folder, recording(PLAIN))
    assert contents(folder) == before


def test_an_interrupt_while_writing_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(tmp_path / "run")
    before = contents(folder)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store.files.os, "fsync", interrupt)
    for write in (lambda: store.save(folder, recording(PLAIN)), lambda: store.write_info(folder, INFO)):
        with pytest.raises(KeyboardInterrupt):
            write()
    assert contents(folder) == before


def test_what_a_killed_run_was_writing_is_no_cell(tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", recording(PLAIN))
    (folder / "arrivals" / ".0008.npz").write_bytes(b"PK half of it")
    assert [each.index for each in store.load(folder).recordings] == [7]


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o500)
    for folder in (closed, closed / "deep" / "run"):
        with (
            as_nobody(),
            pytest.raises(StoreError, match="no run folder can be made here: Permission denied"),
        ):
            store.create(folder, INFO)
    assert list(closed.iterdir()) == []


def test_a_folder_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(StoreError, match="no run folder can be made here"):
            store.create(folder, INFO)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_holds_anything_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", recording(PLAIN))
    before = contents(folder)
    with pytest.raises(StoreError, match="not empty"):
        store.create(folder, INFO)
    assert contents(folder) == before


def test_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert store.load(saved(tmp_path / "run")).recordings == ()


def spoil(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def cut(folder: Path) -> None:
    path = folder / "arrivals" / "0007.npz"
    path.write_bytes(path.read_bytes()[:-100])


def edit_columns(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "arrivals" / "0007.npz"
        with np.load(path) as archive:
            columns = dict(archive)
        change(columns)
        np.savez(path, **columns)

    return edit


def without(column: str) -> Callable[[Path], None]:
    return edit_columns(lambda columns: columns.pop(column))


beyond_the_errors = edit_columns(
    lambda columns: columns.update({"streams.error": np.array([99], dtype=np.int32)})
)


def edit_info(**changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "run.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return edit


def edit_meta(*without: str, **changes: Any) -> Callable[[Path], None]:
    def change(columns: dict[str, Any]) -> None:
        meta = json.loads(columns["meta"].tobytes()) | changes
        kept = {key: value for key, value in meta.items() if key not in without}
        columns["meta"] = np.frombuffer(json.dumps(kept).encode(), dtype=np.uint8)

    return edit_columns(change)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "run.json").unlink(), "not a run folder: run.json is missing"),
        (spoil("run.json", b""), r"run\.json: cannot be read: Input data was truncated"),
        (spoil("run.json", b"\xff\xfe"), "cannot be read"),
        (spoil("run.json", b"[1]"), r"run\.json: cannot be read: Expected `object`"),
        (spoil("run.json", b"{}"), "format None"),
        (
            spoil("run.json", json.dumps({"format": 3}).encode()),
            "format 3; this loadgen reads formats 1 and 2",
        ),
        (spoil("arrivals/0007.npz", b""), "cannot be read"),
        (spoil("arrivals/0007.npz", b"not an archive"), "cannot be read"),
        (spoil("arrivals/0007.npz", b"PK\x03\x04 not an archive"), "cannot be read"),
        (cut, "cannot be read"),
        (without("meta"), r"0007\.npz: cannot be read: meta: is missing"),
        (without("streams.outcome"), r"0007\.npz: cannot be read: streams.outcome: is missing"),
        (edit_info(seed="5"), r"run\.json: cannot be read: seed: "),
        (edit_info(state="over"), r"run\.json: cannot be read: state: "),
        (edit_info(cells=[{"index": 1}]), r"run\.json: cannot be read: cells\[0\]: .*client"),
        (edit_meta(level={"streams": 1.5}), r"0007\.npz: cannot be read: meta\.level\.streams: "),
        (edit_meta(client="requests"), r"0007\.npz: cannot be read: meta\.client: "),
        (beyond_the_errors, "cannot be read"),
    ],
)
def test_a_folder_that_is_no_run(tmp_path: Path, spoil: Callable[[Path], object], message: str) -> None:
    folder = saved(tmp_path / "run", recording(PLAIN))
    spoil(folder)
    with pytest.raises(StoreError, match=message) as raised:
        store.load(folder)
    assert str(folder) in str(raised.value)


def test_no_folder_at_all(tmp_path: Path) -> None:
    for path in (tmp_path / "none", __file__):
        with pytest.raises(StoreError):
            store.load(path)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", recording(PLAIN))
    np.savez(folder / "arrivals" / "0007.npz", meta=np.array([{}], dtype=object))
    with pytest.raises(StoreError, match="cannot be read"):
        store.load(folder)


# -------------------------------------------------------------------------------------------------- workers


def test_parts_of_a_cell_lie_beside_each_other(tmp_path: Path) -> None:
    parts = synthetic.split(synthetic.recording(index=3, jitter=0.5), 3)
    run = store.load(
        saved(tmp_path / "run", *parts[::-1], recording(PLAIN, index=4), info=replace(INFO, cells=()))
    )
    names = [name for cell in run.info.cells for name in cell.files]
    assert names == [*(f"arrivals/0003-host-{n}.npz" for n in (3, 2, 1)), "arrivals/0004.npz"]
    found = run.recordings
    assert [(each.index, each.worker, each.share) for each in found] == [
        (3, "host-1", 34),
        (3, "host-2", 33),
        (3, "host-3", 33),
        (4, "", None),
    ]
    for one, other in zip(found, parts, strict=False):
        assert one.start == other.start
        assert one.arrivals.at.tolist() == other.arrivals.at.tolist()


def test_two_workers_never_share_a_file(tmp_path: Path) -> None:
    names = [
        "host-1",
        "Host-1",
        "host_1",
        "host/1",
        "host 1",
        "../host",
        "né",
        "ne",
        "x" * 300,
        "x" * 301,
        ".",
    ]
    run = store.load(saved(tmp_path / "run", *(recording(PLAIN, worker=name) for name in names)))
    written = run.info.cells[0].files
    assert len({name.lower() for name in written}) == len(names)
    assert all(re.fullmatch(r"arrivals/0007-[a-z0-9._~-]{1,100}\.npz", name) for name in written)
    assert {each.worker for each in run.recordings} == set(names)


def test_a_folder_written_before_there_were_workers_is_read(tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", recording(PLAIN))
    edit_meta("worker", "share")(folder)
    (found,) = store.load(folder).recordings
    assert (found.worker, found.share) == ("", None)
    assert_same(found, recording(PLAIN))
