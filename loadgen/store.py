"""The run folder: ``run.json`` and, per cell, ``arrivals/NNNN.npz``; everything else in it is derived.

A cell that was measured again has one for each attempt, ``arrivals/NNNN+1.npz``; one that was spread over workers has
one for each of them, ``arrivals/NNNN-<worker>.npz``. Columns, units and types are described in ``docs/run-folder.md``.
Files appear complete or not at all.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from zipfile import BadZipFile

import msgspec
import numpy as np
from numpy.typing import NDArray

from loadgen import files, format1, model
from loadgen.model import Recording, RecordingInfo, Run, RunInfo, Stream, Table

FORMAT = 2
INFO = "run.json"
ARRIVALS = "arrivals"
_TABLES: Mapping[str, type[Table]] = {
    "streams": model.StreamTable,
    "arrivals": model.ArrivalTable,
    "stamps": model.StampTable,
    "samples": model.SampleTable,
    "pauses": model.PauseTable,
    "cpu_samples": model.CpuSampleTable,
}
# The columns of `streams` that are fields of a stream, and those that are fields of its usage, with the field.
_OF_STREAM = ("slot", "due", "start", "headers", "end", "status", "first_stamp_ns", "run_wait_ns")
_OF_USAGE = {
    **{name: name for name in ("total_ns", "load_ns", "prompt_tokens", "prompt_ns", "decode_ns")},
    "server_tokens": "tokens",
    "end_stamp_ns": "at_ns",
}
_TEXTS = ("outcome", "error")  # columns of `streams` that are numbers on disk, with a list of their texts
_AnyTable = TypeVar("_AnyTable", bound=Table)


class StoreError(Exception):
    """A run folder cannot be read or written; the message names the file, and the field where there is one."""


def table_of_streams(
    streams: Iterable[Stream],
) -> tuple[model.StreamTable, model.ArrivalTable, model.StampTable]:
    """Return the tables ``streams``, ``arrivals`` and ``stamps``, streams in this order."""
    rows = list(streams)
    counts = [np.frombuffer(row.counts, dtype="<u2") for row in rows]
    arrivals = [np.frombuffer(row.arrivals, dtype="<i8") for row in rows]
    text_events = _column(int(count.sum()) for count in counts)
    stamps = [
        np.frombuffer(row.stamps, dtype="<i8" if len(row.stamps) == 8 * own and own else "<i4")
        for row, own in zip(rows, text_events.tolist(), strict=True)
    ]
    own = {name: _column(getattr(row, name) for row in rows) for name in _OF_STREAM}
    reported = {name: _column(getattr(row.usage, field) for row in rows) for name, field in _OF_USAGE.items()}
    table = model.StreamTable(
        **own,
        **reported,
        bytes=_column(row.size for row in rows),
        reads=_column(len(each) for each in arrivals),
        text_events=text_events,
        stamped=_column(len(each) for each in stamps),
        outcome=np.array([str(row.outcome) for row in rows], dtype=object),
        error=np.array([row.error for row in rows], dtype=object),
    )
    return (
        table,
        model.ArrivalTable(at=_joined(arrivals, "<i8"), count=_joined(counts, "<u2")),
        model.StampTable(us=_joined(stamps, "<i4")),
    )


def table_of_pauses(pauses: Iterable[model.Pause] = ()) -> model.PauseTable:
    rows = list(pauses)
    kinds = np.array([model.PAUSES.index(row.kind) for row in rows], dtype=np.int8)
    begin, end = _column(row.begin for row in rows), _column(row.end for row in rows)
    return model.PauseTable(kind=kinds, begin=begin, end=end)


def table_of(kind: type[_AnyTable], rows: Iterable[model.Sample | model.CpuSample] = ()) -> _AnyTable:
    """Return a table of samples: ``samples`` or ``cpu_samples``."""
    kept = list(rows)
    return kind(**{field.name: _column(getattr(row, field.name) for row in kept) for field in fields(kind)})


def filled(
    info: RecordingInfo,
    streams: Iterable[Stream],
    samples: Iterable[model.Sample],
    pauses: Iterable[model.Pause] = (),
    cpu_samples: Iterable[model.CpuSample] = (),
) -> Recording:
    """Return the recording with its tables, streams in the order in which they started."""
    table, arrivals, stamps = table_of_streams(sorted(streams, key=lambda each: (each.start, each.slot)))
    return _recording(
        info,
        streams=table,
        arrivals=arrivals,
        stamps=stamps,
        samples=table_of(model.SampleTable, samples),
        pauses=table_of_pauses(pauses),
        cpu_samples=table_of(model.CpuSampleTable, cpu_samples),
    )


def _recording(info: RecordingInfo, **tables: Any) -> Recording:
    return Recording(**{field.name: getattr(info, field.name) for field in fields(RecordingInfo)}, **tables)


def _column(values: Iterable[int | None]) -> NDArray[np.int64]:
    return np.array([-1 if value is None else value for value in values], dtype=np.int64)


def _joined(parts: list[NDArray[Any]], dtype: str) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.array([], dtype=dtype)


def create(folder: Path, info: RunInfo) -> None:
    """Make the run folder, or take an empty one, and prove that it can be written.

    Raises StoreError where it holds anything, or another run takes it at the same moment.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise StoreError(f"{folder}: not empty; choose another folder with --out, or move this one away")
        (folder / ARRIVALS).mkdir()
    except OSError as error:
        raise StoreError(f"{folder}: no run folder can be made here: {error.strerror or error}") from error
    write_info(folder, info)


def write_info(folder: Path, info: RunInfo) -> None:
    """Write run.json anew. Raises StoreError."""
    plain = msgspec.to_builtins(info)
    del plain["scenario"]["secrets"]
    with _writing(folder / INFO) as file:
        file.write(msgspec.json.format(msgspec.json.encode(plain), indent=2) + b"\n")


@contextmanager
def _writing(path: Path) -> Iterator[BinaryIO]:
    try:
        with files.atomic_write(path) as file:
            yield file
    except OSError as error:
        raise StoreError(f"{path}: not written: {error.strerror or error}") from error


def save(folder: Path, recording: Recording) -> str:
    """Write one recording's file; return its name in the folder. Raises StoreError."""
    columns: dict[str, NDArray[Any]] = {
        f"{table}.{name}": column
        for table in _TABLES
        for name, column in getattr(recording, table).columns.items()
    }
    meta = {field.name: getattr(recording, field.name) for field in fields(RecordingInfo)}
    for name in _TEXTS:
        # Not np.unique: in an array of fixed-width text each element needs the size of the longest.
        texts = columns[f"streams.{name}"].tolist()
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        meta[f"{name}s"] = list(places)
        columns[f"streams.{name}"] = np.array([places[text] for text in texts], dtype=np.int32)
    columns["meta"] = np.frombuffer(msgspec.json.encode(meta), dtype=np.uint8)
    path = folder / ARRIVALS / _file_name(recording)
    with _writing(path) as file:
        np.savez(file, allow_pickle=False, **columns)
    return f"{ARRIVALS}/{path.name}"


def _file_name(recording: Recording) -> str:
    """Return a name that no other worker has, also where a file system ignores case.

    An unsafe name is followed by ``~`` and its digest; a safe one has none.
    """
    worker = recording.worker
    safe = re.sub(r"[^a-z0-9._-]", "_", worker.lower()[:64])
    if safe != worker:
        safe += f"~{hashlib.sha256(worker.encode()).hexdigest()[:16]}"
    attempt = f"+{recording.attempt}" if recording.attempt else ""
    return f"{recording.index:04d}{attempt}{'-' if worker else ''}{safe}.npz"


def load(folder: Path | str) -> Run:
    """Return the run in ``folder``, its recordings in the order run, parts of a cell by worker. Raises StoreError."""
    folder = Path(folder)
    with _reading(folder / INFO) as path:
        plain = msgspec.json.decode(path.read_bytes())
        found = plain.get("format") if isinstance(plain, dict) else None
        if found not in (1, FORMAT):
            raise StoreError(f"{path}: format {found!r}; this loadgen reads formats 1 and {FORMAT}")
        info = msgspec.convert(format1.info(plain) if found == 1 else plain, RunInfo)
    recordings = [_load(path, info, old=found == 1) for path in recordings_in(folder)]
    order = {(cell.index, cell.attempt): place for place, cell in enumerate(info.cells)}
    recordings.sort(key=lambda each: order.get((each.index, each.attempt), len(order)))
    return Run(folder=folder, info=info, recordings=tuple(recordings))


def recordings_in(folder: Path) -> list[Path]:
    """Return the files of the recordings, by the number of the cell (10000 after 9999), then by worker."""
    paths = {path: re.match(r"\d+", path.name) for path in (folder / ARRIVALS).glob("*.npz")}
    numbers = {path: int(found[0]) for path, found in paths.items() if found}
    return sorted(numbers, key=lambda path: (numbers[path], path.name))


def _load(path: Path, info: RunInfo, *, old: bool) -> Recording:
    with _reading(path):
        with path.open("rb") as file, np.load(file, allow_pickle=False) as packed:
            columns = {name: packed[name] for name in packed.files}
        meta = msgspec.json.decode(columns.pop("meta").tobytes())
        if old:
            format1.recording(meta, columns, info)
        for name in _TEXTS:
            texts = np.array(meta.pop(f"{name}s"), dtype=object)
            columns[f"streams.{name}"] = texts[columns[f"streams.{name}"]]
        return _recording(
            msgspec.convert(meta, RecordingInfo),
            **{
                name: kind(**{field.name: columns[f"{name}.{field.name}"] for field in fields(kind)})
                for name, kind in _TABLES.items()
            },
        )


@contextmanager
def _reading(path: Path) -> Iterator[Path]:
    """Turn every error of the block into a StoreError that names the file."""
    try:
        yield path
    except FileNotFoundError as error:
        raise StoreError(f"{path.parent}: not a run folder: {path.name} is missing") from error
    except KeyError as error:
        raise StoreError(f"{path}: cannot be read: {error} is missing") from error
    except (OSError, EOFError, BadZipFile, ValueError, LookupError, TypeError, msgspec.MsgspecError) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
