"""CSV, the same bytes from the same run.

Empty means not measured. Lines end in LF, floats have six decimals (of a millisecond: one nanosecond).
Text that a server or a file may have written is made :func:`~loadgen.report.text.plain`, and where a
spreadsheet would take it for a formula it gets an apostrophe in front, the way spreadsheets mark text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from loadgen.report import frames
from loadgen.report.text import plain
from loadgen.report.view import View

ROWS = 20_000  # of a piece
_FORMULA = tuple("=+-@＝＋－＠")


def summary(view: View) -> str:
    """Return ``summary.csv``: a row per client and level."""
    return _csv(frames.summary_frame(view.summaries))


def streams(view: View) -> str:
    """Return ``streams.csv``: a row per stream, in the order of the cells."""
    return "".join(streams_pieces(view))


def streams_pieces(view: View) -> Iterator[str]:
    """Yield ``streams.csv`` in pieces, which takes less memory than the whole."""
    heading = True
    for frame in frames.streams_frames(view.run):
        for begin in range(0, len(frame), ROWS):
            yield _csv(frame[begin : begin + ROWS], heading=heading)
            heading = False
    if heading:
        yield _csv(frames.streams_frame(view.run)[:0])


def samples(view: View) -> str:
    """Return ``samples.csv``: what every engine used over time."""
    return _csv(frames.samples_frame(view.run))


def _csv(frame: pd.DataFrame, *, heading: bool = True) -> str:
    safe = frame.copy()
    for name, column in frame.items():
        if column.dtype.kind not in "biuf":
            safe[name] = column.map({value: _text(value) for value in column.dropna().unique()})
    text: str = safe.to_csv(index=False, header=heading, lineterminator="\n", float_format="%.6f", na_rep="")
    return text


def _text(value: Any) -> str:
    shown = plain(value)
    return "'" + shown if shown.startswith(_FORMULA) else shown
