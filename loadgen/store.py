"""The run folder: ``run.json``, per cell ``arrivals/NNNN.npz``, and ``watched.npz`` where the server was watched.

Everything else in it is derived.

A cell that was measured again has one for each attempt, ``arrivals/NNNN+1.npz``; one that was spread over workers has
one for each of them, ``arrivals/NNNN-<worker>.npz``, or for each engine of this machine that shared it,
``arrivals/NNNN-engine-1.npz``; a long one has several, ``arrivals/NNNN.1.npz`` after the first.
Columns, units and types are described in ``docs/run-folder.md``. Files appear complete or not at all.
"""

from __future__ import annotations

import hashlib
import operator
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from loadgen import files, format1, model
from loadgen.gate import BadData, archive, tables, values
from loadgen.model import CellInfo, Prompt, Recording, RecordingInfo, Run, RunInfo, Stream, Table

try:
    import fcntl
except ImportError:  # Windows, where nothing is measured
    fcntl = None  # type: ignore[assignment]

FORMAT = 2
INFO = "run.json"
ARRIVALS = "arrivals"
MAX_INFO_BYTES = 64 << 20
MAX_RECORDING_BYTES = 2 << 30
LEFT_ON_DISK_BYTES = 1 << 20  # a file with more columns is read column by column, when they are asked for
_WATCHED_FILE = re.compile(r"watched(\.[0-9]{1,6})?\.npz", re.ASCII)
_FILE = re.compile(rf"{ARRIVALS}/\w[\w.~+-]*\.npz", re.ASCII)
_TABLES: Mapping[str, type[Table]] = {
    "streams": model.StreamTable,
    "arrivals": model.ArrivalTable,
    "stamps": model.StampTable,
    "sizes": model.SizeTable,
    "samples": model.SampleTable,
    "pauses": model.PauseTable,
    "cpu_samples": model.CpuSampleTable,
}
_WATCHED: Mapping[str, type[Table]] = {"readings": model.ReadingTable, "changes": model.ChangeTable}
# The columns of `streams` that are fields of a stream, and those that are fields of its usage, with the field.
_OF_STREAM = (
    *(
        "slot",
        "due",
        "start",
        "headers",
        "end",
        "status",
        "first_stamp_ns",
        "run_wait_ns",
        "sent",
        "drain_ns",
        "held_ns",
    ),
    *("dns_ns", "connect_ns", "tls_ns"),
    *("first_answer", "thinking_events", "tool_call_events", "refusal_events"),
    *("prompt", "input_asked", "output_asked", "session", "turn", "port"),
)
_OF_USAGE = {
    **{name: name for name in ("total_ns", "load_ns", "prompt_tokens", "prompt_ns", "decode_ns")},
    "server_tokens": "tokens",
    "server_thinking_tokens": "thinking_tokens",
    "server_cached_tokens": "cached_tokens",
    "end_stamp_ns": "at_ns",
}
# Columns of `streams` that are read from a row as they are, and where: all at once, which takes a fourth of the time.
_OF_ROW = {
    **{name: name for name in _OF_STREAM},
    **{name: f"usage.{field}" for name, field in _OF_USAGE.items()},
    "bytes": "size",
}
_NUMBERS = operator.attrgetter(*_OF_ROW.values())
# Columns of `streams` that are numbers on disk, with a list of their texts.
_TEXTS = ("outcome", "error", "finish_reason", "http")
_AnyTable = TypeVar("_AnyTable", bound=Table)
Tables = Mapping[str, Table]  # by their names in a recording


class StoreError(Exception):
    """A run folder cannot be read or written; the message names the file, and the field where there is one."""


def table_of_streams(
    streams: Iterable[Stream],
) -> tuple[model.StreamTable, model.ArrivalTable, model.StampTable, model.SizeTable]:
    """Return the tables ``streams``, ``arrivals``, ``stamps`` and ``sizes``, streams in this order."""
    rows = list(streams)
    counts = _joined([row.counts for row in rows], "<u2")
    passed = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    ends = np.cumsum(_column([len(row.counts) // 2 for row in rows]))
    text_events = np.diff(passed[ends], prepend=0)
    stamps = [
        np.frombuffer(row.stamps, dtype="<i8" if len(row.stamps) == 8 * own and own else "<i4")
        for row, own in zip(rows, text_events.tolist(), strict=True)
    ]
    values = zip(*map(_NUMBERS, rows), strict=True) if rows else [()] * len(_OF_ROW)
    numbers = dict(zip(_OF_ROW, map(_column, values), strict=True))
    table = model.StreamTable(
        **numbers,
        reads=_column([len(row.arrivals) // 8 for row in rows]),
        text_events=text_events,
        stamped=_column([len(each) for each in stamps]),
        outcome=np.array([str(row.outcome) for row in rows], dtype=object),
        error=np.array([row.error for row in rows], dtype=object),
        finish_reason=np.array([row.usage.finish_reason for row in rows], dtype=object),
        http=np.array([row.http for row in rows], dtype=object),
    )
    return (
        table,
        model.ArrivalTable(at=_joined([row.arrivals for row in rows], "<i8"), count=counts),
        model.StampTable(us=np.concatenate(stamps) if stamps else _joined([], "<i4")),
        model.SizeTable(bytes=_joined([row.sizes for row in rows], "<u4")),
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


def tables_of(
    streams: Iterable[Stream] = (),
    samples: Iterable[model.Sample] = (),
    pauses: Iterable[model.Pause] = (),
    cpu_samples: Iterable[model.CpuSample] = (),
) -> Tables:
    """Return the tables of a recording."""
    table, arrivals, stamps, sizes = table_of_streams(streams)
    return {
        "streams": table,
        "arrivals": arrivals,
        "stamps": stamps,
        "sizes": sizes,
        "samples": table_of(model.SampleTable, samples),
        "pauses": table_of_pauses(pauses),
        "cpu_samples": table_of(model.CpuSampleTable, cpu_samples),
    }


def check(
    info: RecordingInfo,
    streams: Sequence[Stream],
    samples: Sequence[model.Sample],
    pauses: Sequence[model.Pause],
    cpu_samples: Sequence[model.CpuSample],
) -> None:
    """Raise BadData where rows that were received are none of that recording."""
    try:
        of = tables_of(streams, samples, pauses, cpu_samples)
    except (ValueError, OverflowError) as error:
        raise BadData("rows", f"are no columns ({error})") from error
    columns = {f"{name}.{key}": column for name, table in of.items() for key, column in table.columns.items()}
    tables.check(columns, info)


def size(of: Tables) -> int:
    """Return about how many bytes the tables take in a file."""
    errors: Sequence[str] = of["streams"].columns["error"].tolist()
    return sum(column.nbytes for table in of.values() for column in table.columns.values()) + sum(
        map(len, errors)
    )


def joined(parts: Sequence[Tables]) -> Tables:
    """Return the rows of all parts, at least one, in their order."""
    if len(parts) == 1:
        return parts[0]
    return {
        name: kind(
            **{
                field.name: np.concatenate([getattr(part[name], field.name) for part in parts])
                for field in fields(kind)
            }
        )
        for name, kind in _TABLES.items()
    }


def recording(info: RecordingInfo, of: Tables) -> Recording:
    """Return the recording with these tables, streams in the order in which they started."""
    streams, arrivals, stamps, sizes = (of[name] for name in ("streams", "arrivals", "stamps", "sizes"))
    columns = streams.columns
    order = np.lexsort((columns["slot"], columns["start"]))
    if (np.diff(order) != 1).any():
        streams = streams.rows(order)
        reads = _rows_of(columns["reads"], order)
        arrivals, sizes = arrivals.rows(reads), sizes.rows(reads if len(sizes) else slice(0))
        stamps = stamps.rows(_rows_of(columns["stamped"], order))
    sorted_ = {"streams": streams, "arrivals": arrivals, "stamps": stamps, "sizes": sizes}
    return _recording(info, **{**of, **sorted_})


def _rows_of(counts: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of the streams in that order; each has as many as ``counts`` says, one after the other."""
    begins, number = (np.cumsum(counts) - counts)[order], counts[order]
    rows: NDArray[np.int64] = np.repeat(begins - (np.cumsum(number) - number), number)
    return rows + np.arange(len(rows))


def filled(
    info: RecordingInfo,
    streams: Iterable[Stream],
    samples: Iterable[model.Sample],
    pauses: Iterable[model.Pause] = (),
    cpu_samples: Iterable[model.CpuSample] = (),
) -> Recording:
    """Return the recording with its tables, streams in the order in which they started."""
    return recording(info, tables_of(streams, samples, pauses, cpu_samples))


def _recording(info: RecordingInfo, **tables: Any) -> Recording:
    return Recording(**{field.name: getattr(info, field.name) for field in fields(RecordingInfo)}, **tables)


def _column(values: Iterable[int | None]) -> NDArray[np.int64]:
    return np.array([-1 if value is None else value for value in values], dtype=np.int64)


def _joined(parts: Sequence[bytes], dtype: str) -> NDArray[Any]:
    return np.frombuffer(b"".join(parts), dtype=dtype)


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


def lock(folder: Path) -> int | None:
    """Keep other processes from writing to the run folder until :func:`unlock`, or the end of this process.

    Raises StoreError where another one does.
    """
    if fcntl is None:
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise StoreError(
            f"{folder}: the run still goes on in another process; it can be resumed when that has ended"
        ) from error
    except OSError:  # a file system without locks
        pass
    return handle


def unlock(locked: int | None) -> None:
    """Let other processes write to the run folder again."""
    if locked is not None:
        os.close(locked)


def write_info(folder: Path, info: RunInfo) -> None:
    """Write run.json anew. Raises StoreError."""
    plain = msgspec.to_builtins(info)
    del plain["scenario"]["secrets"]
    workload = plain["scenario"]["workload"]
    workload["prompts"] = [
        plain if each != Prompt(each.text) else each.text
        for each, plain in zip(info.scenario.workload.prompts, workload["prompts"], strict=True)
    ]
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


def watched_file(number: int) -> str:
    """Return the name of the file of what was watched; a run has one each time that it is started."""
    return f"watched.{number}.npz" if number else "watched.npz"


def save_watched(path: Path, watched: model.Watched) -> None:
    """Write what was watched. Raises StoreError."""
    columns: dict[str, NDArray[Any]] = {
        f"{table}.{name}": column
        for table in _WATCHED
        for name, column in getattr(watched, table).columns.items()
    }
    meta = {name: getattr(watched, name) for name in ("clock", "sources", "series")}
    columns["meta"] = np.frombuffer(msgspec.json.encode(meta), dtype=np.uint8)
    with _writing(path) as file:
        np.savez(file, allow_pickle=False, **columns)


def load_watched(path: Path) -> model.Watched:
    with _reading(path):
        wanted = tables.required(_WATCHED)
        dtypes = {name: tables.DTYPES.get(name, ("int64",)) for name in wanted} | {"meta": ("uint8",)}
        columns = archive.columns(path, MAX_RECORDING_BYTES, dtypes)
        if missing := [name for name in dtypes if name not in columns]:
            raise BadData(missing[0], "is missing")
        if len(columns["meta"]) > MAX_INFO_BYTES:
            raise BadData("meta", f"has more than {MAX_INFO_BYTES:,} bytes")
        meta = values.from_json(columns.pop("meta").tobytes(), _WatchedMeta)
        if strange := {each.source for each in meta.series} - {*meta.sources}:
            raise BadData("meta.series", f"names the source {min(strange)[:40]!r}")
        tables.check_watched(columns, len(meta.series), len(meta.sources))
        readings, changes = (
            kind(**{field.name: columns[f"{table}.{field.name}"] for field in fields(kind)})
            for table, kind in _WATCHED.items()
        )
        return model.Watched(
            clock=meta.clock,
            sources=meta.sources,
            series=meta.series,
            readings=cast(model.ReadingTable, readings),
            changes=cast(model.ChangeTable, changes),
        )


class _WatchedMeta(msgspec.Struct):
    clock: tuple[int, int]
    sources: tuple[str, ...]
    series: tuple[model.Series, ...]


def _file_name(recording: Recording) -> str:
    """Return a name that no other worker or engine has, also where a file system ignores case.

    An unsafe name is followed by ``~`` and its digest; a safe one has none.
    """
    worker = recording.worker
    safe = re.sub(r"[^a-z0-9._-]", "_", worker.lower()[:64])
    if safe != worker:
        safe += f"~{hashlib.sha256(worker.encode()).hexdigest()[:16]}"
    attempt = f"+{recording.attempt}" if recording.attempt else ""
    number = f".{recording.number}" if recording.number else ""
    engine = f"-engine-{recording.engine.number}" if recording.engine else ""
    return f"{recording.index:04d}{attempt}{number}{'-' if worker else ''}{safe}{engine}.npz"


def load(folder: Path | str) -> Run:
    """Return the run in ``folder``, its recordings in the order run, parts of a cell by worker and engine.

    Only files that run.json lists are read. A damaged one is in ``left_out`` of the run, and the others are there.
    Raises StoreError where run.json cannot be read, or none of the files.
    """
    folder = Path(folder)
    with _reading(folder / INFO):
        data = archive.content(folder / INFO, MAX_INFO_BYTES)
        found = values.from_json(data, _Format).format
        if found not in (1, FORMAT):
            raise BadData("", f"format {found!r}; this loadgen reads formats 1 and {FORMAT}")
        plain = values.from_json(data, dict[str, Any])
        if found == 1:
            plain = format1.info(plain)
        with suppress(LookupError, TypeError):  # what has no prompts is no run, which is reported
            workload = plain["scenario"]["workload"]
            workload["prompts"] = [{"text": p} if isinstance(p, str) else p for p in workload["prompts"]]
        info = values.from_plain(plain, RunInfo)
        _check_info(info)
    recordings, left_out = list[Recording](), list[model.LeftOut]()
    for cell in info.cells:
        loaded, bad = _load_cell(folder, cell, info, old=found == 1)
        recordings += loaded
        left_out += bad
    if left_out and not recordings:
        raise StoreError(f"{folder / left_out[0].file}: {left_out[0].reason}")
    watched = []
    for file in dict.fromkeys(each.file for each in info.watched if each.readings > each.failed):
        try:
            watched.append(load_watched(folder / file))
        except StoreError as error:
            reason = str(error).removeprefix(f"{folder / file}: ")
            left_out.append(model.LeftOut(file=file, reason=reason))
    return Run(
        folder=folder,
        info=info,
        recordings=tuple(recordings),
        left_out=tuple(left_out),
        watched=tuple(watched),
    )


class _Format(msgspec.Struct):
    format: Any = None


def _check_info(info: RunInfo) -> None:
    """Raise BadData where cells are listed twice, or files that are none of a run."""
    cells, names = set[tuple[int, int]](), set[str]()
    for place, source in enumerate(info.watched):
        if not _WATCHED_FILE.fullmatch(source.file):
            raise BadData(f"watched[{place}].file", "is no file of what was watched")
    for place, cell in enumerate(info.cells):
        if (key := (cell.index, cell.attempt)) in cells:
            raise BadData(f"cells[{place}].index", f"is {cell.index} twice")
        cells.add(key)
        for at, name in enumerate(cell.files):
            if not _FILE.fullmatch(name) or name in names:
                raise BadData(f"cells[{place}].files[{at}]", "is listed twice, or no file of arrivals/")
            names.add(name)


def load_cell(folder: Path, cell: CellInfo, info: RunInfo) -> list[Recording]:
    """Return the recordings of one cell of a run of today's format. Raises StoreError."""
    found, bad = _load_cell(folder, cell, info, old=False)
    if bad:
        raise StoreError(f"{folder / bad[0].file}: {bad[0].reason}")
    return found


def _load_cell(
    folder: Path, cell: CellInfo, info: RunInfo, *, old: bool
) -> tuple[list[Recording], list[model.LeftOut]]:
    """Return the recordings of a cell, those of several files joined, and the files that cannot be read."""
    parts: dict[tuple[str, model.EngineNumber | None], list[Recording]] = {}
    left_out = []
    for name in sorted(cell.files):
        try:
            with _reading(folder / name):
                found = _load(folder / name, cell, info, old=old)
            parts.setdefault((found.worker, found.engine), []).append(found)
        except StoreError as error:
            reason = str(error).removeprefix(f"{folder / name}: ")
            left_out.append(model.LeftOut(client=cell.client, level=cell.level, file=name, reason=reason))
    return [_whole(cell, sorted(each, key=lambda file: file.number)) for each in parts.values()], left_out


def _whole(cell: CellInfo, files: Sequence[Recording]) -> Recording:
    """Return the recording in these files. The last one has what is not in tables, but users of Locust come and go."""
    if len(files) == 1:
        return files[0]
    of = {name: [getattr(file, name) for file in files] for name in _TABLES}
    if all(hasattr(each, "stored") for parts in of.values() for each in parts):
        lazy = {
            name: kind.of(_Columns([piece for part in of[name] for piece in part.stored.pieces]))
            for name, kind in _TABLES.items()
        }
        return _recording(replace(files[-1], level=cell.level), **lazy)
    whole = joined([{name: parts[place] for name, parts in of.items()} for place in range(len(files))])
    return _recording(replace(files[-1], level=cell.level), **whole)


@dataclass(frozen=True, slots=True)
class _Texts:
    """A column of texts: the place of each in the list."""

    places: archive.Place
    listed: NDArray[Any]

    def read(self, selected: slice) -> NDArray[Any]:
        found: NDArray[Any] = self.listed[self.places.read(selected)]
        return found


_Piece = NDArray[Any] | archive.Place | _Texts


class _Columns:
    """The columns of a table, in pieces: each one file's. They are read when they are asked for."""

    def __init__(self, pieces: Sequence[tuple[int, Mapping[str, _Piece]]]) -> None:
        self.pieces = pieces
        self._shelf = model.Shelf()
        self._rows = sum(rows for rows, _ in pieces)

    def __len__(self) -> int:
        return self._rows

    def __call__(self, name: str) -> NDArray[Any]:
        return self._shelf.get(name, lambda: self.rows(name, slice(None)))

    def rows(self, name: str, selected: slice) -> NDArray[Any]:
        begin, end, _ = selected.indices(self._rows)
        first, wanted = 0, list[tuple[_Piece, slice]]()
        for rows, columns in self.pieces:
            own = slice(max(begin - first, 0), min(end - first, rows))
            if own.start < own.stop or not wanted:
                wanted.append((columns[name], own))
            first += rows
        wanted = [each for each in wanted if each[1].start < each[1].stop] or wanted[:1]
        if len(wanted) == 1:
            return _read(*wanted[0])
        values = {_constant(piece) for piece, _ in wanted}
        if len(values) == 1 and (value := values.pop()) is not None:
            return np.broadcast_to(np.array(value, _dtype(wanted[0][0])), end - begin)
        found, at = np.empty(end - begin, np.result_type(*(_dtype(piece) for piece, _ in wanted))), 0
        for piece, own in wanted:
            found[at : (at := at + own.stop - own.start)] = _read(piece, own)
        return found


def _read(piece: _Piece, selected: slice) -> NDArray[Any]:
    if isinstance(piece, np.ndarray):
        return piece[selected]
    path = (piece.places if isinstance(piece, _Texts) else piece).path
    with _reading(path):
        return piece.read(selected)


def _constant(piece: _Piece) -> Any:
    """Return the one value that the column has everywhere, as a numpy scalar; ``None`` where it has several."""
    if not isinstance(piece, np.ndarray) or not len(piece) or any(piece.strides):
        return None
    return piece[0]


def _dtype(piece: _Piece) -> np.dtype[Any]:
    return piece.listed.dtype if isinstance(piece, _Texts) else piece.dtype


def _left_on_disk(
    path: Path, columns: Mapping[str, NDArray[Any]], texts: Mapping[str, Any]
) -> Mapping[str, _Piece]:
    """Return where the columns of a file are: short ones in memory, and those of one value as that."""
    found: dict[str, _Piece] = {}
    large = list[str]()
    for name, column in columns.items():
        if len(column) and (column[0] == column[-1]) and (column == column[0]).all():
            found[name] = np.broadcast_to(np.array(column[0], dtype=column.dtype), len(column))
        elif column.nbytes < LEFT_ON_DISK_BYTES // 16:
            found[name] = column
        else:
            large.append(name)
    for name, place in archive.places(path, MAX_RECORDING_BYTES, large).items():
        found[name] = _Texts(place, np.array(texts[name], dtype=object)) if name in texts else place
    return found


def _load(path: Path, cell: CellInfo, info: RunInfo, *, old: bool) -> Recording:
    needed = tables.required(_TABLES)
    dtypes = {name: tables.DTYPES.get(name, ("int64",)) for name in needed}
    dtypes |= dict.fromkeys((f"streams.{name}" for name in _TEXTS), ("int32",))
    dtypes = {format1.on_disk(name) if old else name: kinds for name, kinds in dtypes.items()}
    dtypes["meta"] = ("uint8",)
    columns = archive.columns(path, MAX_RECORDING_BYTES, dtypes)
    if len(columns.get("meta", ())) not in range(1, MAX_INFO_BYTES):
        raise BadData("meta", f"is missing, or has more than {MAX_INFO_BYTES:,} bytes")
    meta = values.from_json(columns.pop("meta").tobytes(), dict[str, Any])
    if old:
        format1.recording(meta, columns, info)
    for name, must in needed.items():
        if must and name not in columns:
            raise BadData(name, "is missing")
    texts = {f"streams.{name}": meta.pop(f"{name}s", None) for name in _TEXTS}
    for name in _TEXTS:
        if (column := f"streams.{name}") in columns:
            columns[column] = tables.texts(name, columns[column], texts[column])
    recording = values.from_plain(meta, RecordingInfo, "meta")
    for field in ("index", "attempt", "client", "level", "repeat", "mode"):
        kept = field == "level" and len(cell.files) > 1  # before the number of Locust's users was known
        if getattr(recording, field) != getattr(cell, field) and not kept:
            raise BadData(f"meta.{field}", f"is not that of cell {cell.index} in {INFO}")
    tables.check(columns, recording)
    if not old and sum(column.nbytes for column in columns.values()) > LEFT_ON_DISK_BYTES:
        pieces = _left_on_disk(path, columns, texts)
        return _recording(recording, **{table: _lazy(table, kind, pieces) for table, kind in _TABLES.items()})
    found = {
        table: kind(
            **{
                field.name: columns[key]
                for field in fields(kind)
                if (key := f"{table}.{field.name}") in columns
            }
        )
        for table, kind in _TABLES.items()
    }
    return _recording(recording, **found)


def _lazy(table: str, kind: type[Table], pieces: Mapping[str, _Piece]) -> Table:
    """Return the table whose columns are read when they are asked for; those that older runs lack are as of none."""
    own = {field.name: pieces.get(f"{table}.{field.name}") for field in fields(kind)}
    there = next(piece for piece in own.values() if piece is not None)
    rows = (
        there.places.rows
        if isinstance(there, _Texts)
        else there.rows
        if isinstance(there, archive.Place)
        else len(there)
    )
    of: dict[str, _Piece] = {
        name: piece if piece is not None else kind.missing(name, rows) for name, piece in own.items()
    }
    return kind.of(_Columns([(rows, of)]))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn an error of the block into a StoreError that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        if path.name != INFO:
            raise StoreError(f"{path}: is missing") from error
        raise StoreError(f"{path.parent}: not a run folder: {path.name} is missing") from error
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error
    except BadData as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # of format 1, which has no types
        raise StoreError(f"{path}: cannot be read: {error!r} of format 1") from error
