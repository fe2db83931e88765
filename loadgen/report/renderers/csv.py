"""CSV, the same bytes from the same run.

Empty means not measured. Lines end in LF, floats have six decimals (of a millisecond: one nanosecond).
Text that a server or a file may have written is made :func:`~loadgen.report.text.plain`, and where a
spreadsheet would take it for a formula it gets an apostrophe in front, the way spreadsheets mark text.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

import numpy as np

from loadgen.report import tables
from loadgen.report.tables import SAMPLE_COLUMNS, STREAM_COLUMNS, Cells, Table
from loadgen.report.text import plain
from loadgen.report.view import View

ROWS = 20_000  # of a piece
_FORMULA = tuple("=+-@＝＋－＠")


def summary(view: View) -> str:
    """Return ``summary.csv``: a row per client and level."""
    of = tables.summary(view.summaries)
    return "".join(_pieces([of], of))


def streams(view: View) -> str:
    """Return ``streams.csv``: a row per stream, in the order of the cells."""
    return "".join(streams_pieces(view))


def streams_pieces(view: View) -> Iterator[str]:
    """Yield ``streams.csv`` in pieces, which takes less memory than the whole."""
    return _pieces(tables.streams(view.run), STREAM_COLUMNS)


def samples(view: View) -> str:
    """Return ``samples.csv``: what every engine used over time."""
    return "".join(_pieces(tables.samples(view.run), SAMPLE_COLUMNS))


def _pieces(parts: Iterable[Table], names: Iterable[str]) -> Iterator[str]:
    yield _lines([names])
    for part in parts:
        for begin in range(0, max(map(len, part.values())), ROWS):
            rows = slice(begin, begin + ROWS)
            yield _lines(zip(*(_shown(cells.rows(rows)) for cells in part.values()), strict=True))


def _lines(rows: Iterable[Iterable[Any]]) -> str:
    file = StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def _shown(of: Cells) -> list[Any]:
    """Return what is written of a column."""
    if of.missing.all():
        return [""] * len(of)
    values: list[Any] = of.values.tolist()
    if of.kind == "string":
        texts = {value: _text(value) for value in set(values)}
        return [texts[value] for value in values]
    if of.kind == "Float64":
        values = [f"{value:.6f}" for value in values]
    for row in np.flatnonzero(of.missing).tolist():
        values[row] = ""
    return values


def _text(value: Any) -> str:
    shown = plain(value)
    return "'" + shown if shown.startswith(_FORMULA) else shown
