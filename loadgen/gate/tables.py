"""Check the tables of a recording: columns of one length, in their ranges, and rows that belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loadgen.gate import BadData
from loadgen.gate.values import SPAN_NS, WIDEST
from loadgen.model import PAUSES, Outcome, RecordingInfo, Table

Columns = Mapping[str, NDArray[Any]]

# Types on disk; all other columns are int64.
DTYPES: Final[Mapping[str, Sequence[str]]] = {
    "arrivals.count": ("uint16",),
    "stamps.us": ("int32", "int64"),
    "sizes.bytes": ("uint32",),
    "pauses.kind": ("int8",),
    "readings.source": ("int8",),
    "changes.value": ("float64",),
}
_MARKS: Final = (  # near the start of the cell
    *(f"streams.{name}" for name in ("due", "start", "end")),
    *("arrivals.at", "samples.at", "pauses.begin", "pauses.end", "cpu_samples.at"),
)
_LATER_MARKS: Final = ("streams.headers", "streams.first_answer", "streams.sent")  # or -1
_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    **dict.fromkeys(("streams.reads", "streams.text_events", "streams.stamped", "streams.slot"), (0, 10**9)),
    "streams.bytes": (0, WIDEST),
    "stamps.us": (-WIDEST // 1000, WIDEST // 1000),  # as nanoseconds they have 64 bits
    "pauses.kind": (0, len(PAUSES) - 1),
}


def required(kinds: Mapping[str, type[Table]]) -> dict[str, bool]:
    """Return the columns of those tables; whether each must be there: older runs lack those with a default."""
    return {
        f"{table}.{field.name}": field.default is MISSING
        for table, kind in kinds.items()
        for field in fields(kind)
    }


def check(columns: Columns, info: RecordingInfo) -> None:
    """Raise BadData for columns that are no tables of that recording."""
    near = max(0, info.start - SPAN_NS), info.start + SPAN_NS
    marks = np.array([*info.window, info.clock[0][0], info.clock[1][0], *(each.at for each in info.edges)])
    check_range("meta.window, .clock and .edges", marks, near)
    lengths: dict[str, int] = {}
    for name, column in columns.items():
        table = name.partition(".")[0]
        if len(column) != lengths.setdefault(table, len(column)):
            raise BadData(name, f"has {len(column):,} rows, not {lengths[table]:,}")
        if name in _LATER_MARKS:
            check_range(name, column[column != -1], near)
        elif column.dtype != object:
            check_range(name, column, near if name in _MARKS else _RANGES.get(name, (-WIDEST, WIDEST)))
    _check_rows(columns)


def check_watched(columns: Columns, series: int, sources: int) -> None:
    """Raise BadData for columns that are not what was watched of so many series and sources."""
    readings, changes = (
        [column for name, column in columns.items() if name.startswith(f"{table}.")]
        for table in ("readings", "changes")
    )
    for name, group in (("readings.at", readings), ("changes.reading", changes)):
        if len({len(column) for column in group}) != 1:
            raise BadData(name, "has not as many rows as the columns beside it")
    check_range("readings.at", columns["readings.at"], (0, WIDEST))
    check_range("readings.took_ns", columns["readings.took_ns"], (0, SPAN_NS))
    check_range("readings.source", columns["readings.source"], (0, sources - 1))
    check_range("changes.reading", columns["changes.reading"], (0, len(columns["readings.at"]) - 1))
    check_range("changes.series", columns["changes.series"], (0, series - 1))
    if (np.diff(columns["changes.reading"]) < 0).any():
        raise BadData("changes.reading", "goes back")


def check_range(name: str, column: NDArray[Any], bounds: tuple[int, int]) -> None:
    """Raise BadData where a value is out of range."""
    if not len(column):
        return
    for value in (int(column.min()), int(column.max())):
        if not bounds[0] <= value <= bounds[1]:
            raise BadData(name, f"has {value}, not from {bounds[0]} to {bounds[1]}")


def _check_rows(columns: Columns) -> None:
    """Raise BadData where streams do not have the rows of ``arrivals``, ``stamps`` and ``sizes`` that they say."""
    reads, text_events, stamped = (columns[f"streams.{name}"] for name in ("reads", "text_events", "stamped"))
    count = columns["arrivals.count"].astype(np.int64)
    for name, own, rows in (("reads", reads, count), ("stamped", stamped, columns["stamps.us"])):
        if int(own.sum()) != len(rows):
            raise BadData(f"streams.{name}", f"has not the sum {len(rows):,}, the rows that there are")
    sizes = columns.get("sizes.bytes", ())
    if len(sizes) not in (0, len(count)):
        raise BadData("sizes.bytes", f"has {len(sizes):,} rows, not {len(count):,}")
    upto = np.concatenate([[0], np.cumsum(count)])[np.concatenate([[0], np.cumsum(reads)])]
    if (np.diff(upto) != text_events).any():
        raise BadData("streams.text_events", "is not the sum of arrivals.count over the stream")
    if ((stamped != 0) & (stamped != text_events)).any():
        raise BadData("streams.stamped", "is neither 0 nor streams.text_events")


def texts(name: str, places: NDArray[Any], listed: Any) -> NDArray[Any]:
    """Return the text of each row. Raises BadData where a place is not in the list, or that is no list of texts."""
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise BadData(f"meta.{name}s", "is no list of texts")
    if name == "outcome" and (unknown := set(listed) - set(Outcome)):
        raise BadData("meta.outcomes", f"has {min(unknown)[:40]!r}, which is no outcome")
    check_range(f"streams.{name}", places, (0, len(listed) - 1))
    return np.array(listed, dtype=object)[places] if listed else places.astype(object)
