"""The run folder: ``run.json`` and, per cell, ``arrivals/NNNN.npz``; everything else in it is derived.

A cell that was spread over workers has a file for each of them, ``arrivals/NNNN-<worker>.npz``. A file is a NumPy
archive, uncompressed, without pickles. Its columns:

``streams.*``
    a row per stream, int64, -1 where missing: ``slot``, the marks ``due``, ``start``, ``headers``, ``end``
    (``perf_counter_ns``), ``status``, ``bytes``, ``first_stamp_ns`` (epoch), ``run_wait_ns`` (where each stream
    has a thread: how long that was runnable but not running), how many rows of the flat tables are the stream's
    own (``reads``, ``text_events``, ``stamped``), the server's figures (``total_ns``, ``load_ns``, ``prompt_tokens``,
    ``prompt_ns``, ``server_tokens``, ``decode_ns``, ``end_stamp_ns``: its clock as it told them), and ``outcome``
    and ``error`` as int32 places in the lists ``outcomes`` and ``errors`` of ``meta``
``arrivals.at``, ``arrivals.count``
    a row per read: when it arrived (int64, ``perf_counter_ns``), how many text events it completed (uint16)
``stamps.us``
    a row per text event of a server that stamps them: its own time, in microseconds after ``first_stamp_ns``
    (int32; int64 where that is too short)
``samples.*``
    a row per sample of the engine process, the fields of :class:`loadgen.model.Sample`, int64
``pauses.kind``, ``pauses.begin``, ``pauses.end``
    a row per time that the whole engine was held up: a collection of the garbage collector (0) of half a
    millisecond or more, a turn of asyncio's loop (1) of a millisecond or more (int8; int64, ``perf_counter_ns``)
``cpu_samples.*``
    a row per hundredth of a second, the fields of :class:`loadgen.model.CpuSample`, int64; empty where the system does
    not tell
``meta``
    JSON, UTF-8 bytes: the other fields of :class:`loadgen.model.Recording`

A text event thus takes 14 bytes where each has a read of its own. Files are written whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import msgspec
import numpy as np

from loadgen import files, format1
from loadgen.model import PAUSES, CpuSample, Pause, Recording, Run, RunInfo, Sample, Stream, Table

FORMAT = 2
ABOUT = "run.json"
ARRIVALS = "arrivals"
TABLES = ("streams", "arrivals", "stamps", "samples", "pauses", "cpu_samples")
SCALARS = {
    "slot": "slot",
    "due": "due",
    "start": "start",
    "headers": "headers",
    "end": "end",
    "status": "status",
    "bytes": "size",
    "first_stamp_ns": "first_stamp_ns",
    "run_wait_ns": "run_wait_ns",
}
USAGE = {
    "total_ns": "total_ns",
    "load_ns": "load_ns",
    "prompt_tokens": "prompt_tokens",
    "prompt_ns": "prompt_ns",
    "server_tokens": "tokens",
    "decode_ns": "decode_ns",
    "end_stamp_ns": "at_ns",
}


class StoreError(Exception):
    """A run folder that cannot be read or written; the message says what and where."""


def _write_whole(path: Path, content: bytes) -> None:
    """Write ``content`` under ``path``, whole or not at all. Raises StoreError."""
    try:
        with files.whole(path) as file:
            file.write(content)
    except OSError as error:
        raise StoreError(f"{path}: not written: {error.strerror or error}") from error


def table_of_streams(streams: Iterable[Stream]) -> tuple[Table, Table, Table]:
    """The tables ``streams``, ``arrivals`` and ``stamps``, streams in the order given."""
    rows = list(streams)

    def column(values: Iterable[int | None]) -> np.ndarray[Any, Any]:
        return np.array([-1 if value is None else value for value in values], dtype=np.int64)

    table: dict[str, np.ndarray[Any, Any]] = {
        name: column(getattr(row, field) for row in rows) for name, field in SCALARS.items()
    }
    table |= {name: column(getattr(row.usage, field) for row in rows) for name, field in USAGE.items()}
    counts = [np.frombuffer(row.counts, dtype="<u2") for row in rows]
    arrivals = [np.frombuffer(row.arrivals, dtype="<i8") for row in rows]
    tokens = column(int(count.sum()) for count in counts)
    stamps = [
        np.frombuffer(row.stamps, dtype="<i8" if len(row.stamps) == 8 * own and own else "<i4")
        for row, own in zip(rows, tokens.tolist(), strict=True)
    ]
    table["reads"] = column(len(each) for each in arrivals)
    table["text_events"] = tokens
    table["stamped"] = column(len(each) for each in stamps)
    table["outcome"] = np.array([str(row.outcome) for row in rows], dtype=object)
    table["error"] = np.array([row.error for row in rows], dtype=object)
    return (
        table,
        {"at": _joined(arrivals, "<i8"), "count": _joined(counts, "<u2")},
        {"us": _joined(stamps, "<i4")},
    )


def table_of_samples(samples: Iterable[Sample]) -> Table:
    """The table ``samples``."""
    rows = list(samples)
    return {
        field.name: np.array(
            [-1 if getattr(row, field.name) is None else getattr(row, field.name) for row in rows],
            dtype=np.int64,
        )
        for field in fields(Sample)
    }


def table_of_pauses(pauses: Iterable[Pause]) -> Table:
    """The table ``pauses``."""
    rows = list(pauses)
    return {
        "kind": np.array([PAUSES.index(row.kind) for row in rows], dtype=np.int8),
        "begin": np.array([row.begin for row in rows], dtype=np.int64),
        "end": np.array([row.end for row in rows], dtype=np.int64),
    }


def table_of_cpu_samples(pace: Iterable[CpuSample]) -> Table:
    """The table ``pace``."""
    rows = list(pace)
    return {
        name: np.array([-1 if row[place] is None else row[place] for row in rows], dtype=np.int64)
        for place, name in enumerate(CpuSample._fields)
    }


def _joined(parts: list[np.ndarray[Any, Any]], dtype: str) -> np.ndarray[Any, Any]:
    return np.concatenate(parts) if parts else np.array([], dtype=dtype)


def create(folder: Path, info: RunInfo) -> None:
    """Make the run folder and prove that it can be written. Raises StoreError where it holds anything yet."""
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
    _write_whole(folder / ABOUT, (json.dumps(plain, indent=2, ensure_ascii=False) + "\n").encode())


def save(folder: Path, recording: Recording) -> str:
    """Write one recording's file; return its name in the folder. Raises StoreError."""
    columns: dict[str, np.ndarray[Any, Any]] = {}
    meta: dict[str, Any] = {}
    for field in fields(Recording):
        value = getattr(recording, field.name)
        if field.name not in TABLES:
            meta[field.name] = value
            continue
        columns |= {f"{field.name}.{name}": array for name, array in value.items()}
    for name, list_name in (("outcome", "outcomes"), ("error", "errors")):
        # Not np.unique: an array of fixed-width text takes for each the room of the longest.
        texts = columns[f"streams.{name}"].tolist()
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        meta[list_name] = list(places)
        columns[f"streams.{name}"] = np.array([places[text] for text in texts], dtype=np.int32)
    columns["meta"] = np.frombuffer(msgspec.json.encode(meta), dtype=np.uint8)
    path = folder / ARRIVALS / _file_name(recording)
    try:
        with files.whole(path) as file:
            np.savez(file, allow_pickle=False, **columns)
    except OSError as error:
        raise StoreError(f"{path}: not written: {error.strerror or error}") from error
    return f"{ARRIVALS}/{path.name}"


def _file_name(recording: Recording) -> str:
    """A name of its own for every worker, also where a file system takes capital letters for small ones.

    A ``~`` parts what is left of an unsafe name from its digest; a safe name has none.
    """
    worker = recording.worker
    if not worker:
        return f"{recording.index:04d}.npz"
    safe = re.sub(r"[^a-z0-9._-]", "_", worker.lower()[:64])
    if safe != worker:
        safe += f"~{hashlib.sha256(worker.encode()).hexdigest()[:16]}"
    return f"{recording.index:04d}-{safe}.npz"


def _load(path: Path, info: RunInfo, *, old: bool) -> Recording:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        columns = {name: archive[name] for name in archive.files}
    meta = msgspec.json.decode(columns.pop("meta").tobytes())
    if old:
        format1.recording(meta, columns, info)
    for name, list_name in (("outcome", "outcomes"), ("error", "errors")):
        texts = np.array(meta.pop(list_name), dtype=object)
        columns[f"streams.{name}"] = texts[columns[f"streams.{name}"]]
    tables: dict[str, dict[str, Any]] = {name: {} for name in TABLES}
    for key, array in columns.items():
        table, _, name = key.partition(".")
        tables[table][name] = array
    return msgspec.convert({**meta, **tables}, Recording)


def load(folder: Path | str) -> Run:
    """Return the run in ``folder``, its recordings in the order run, parts of a cell by worker. Raises StoreError."""
    folder = Path(folder)
    try:
        plain = json.loads((folder / ABOUT).read_bytes())
        found = plain.get("format") if isinstance(plain, dict) else None
        if found not in (1, FORMAT):
            raise StoreError(f"{folder / ABOUT}: format {found!r}; this loadgen reads formats 1 and {FORMAT}")
        old = found == 1
        info = msgspec.convert(format1.info(plain) if old else plain, RunInfo)
        paths = sorted((folder / ARRIVALS).glob("[0-9]*.npz"), key=_order)
        recordings = tuple(_load(path, info, old=old) for path in paths)
    except FileNotFoundError as error:
        raise StoreError(f"{folder}: not a run folder: {Path(error.filename).name} is missing") from error
    except (OSError, EOFError, BadZipFile, ValueError, LookupError, TypeError, msgspec.MsgspecError) as error:
        raise StoreError(f"{folder}: cannot be read: {error}") from error
    return Run(folder=folder, info=info, recordings=recordings)


def _order(path: Path) -> tuple[int, str]:
    """By the number of the cell: names of five digits come after those of four."""
    return int(re.match(r"\d+", path.name)[0]), path.name  # type: ignore[index]  # the glob begins with a digit
