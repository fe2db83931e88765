"""CSV, the same bytes from the same run.

Empty means not measured. Lines end in LF, floats have six decimals (of a millisecond: one nanosecond).
Text that a server or a file may have written is made :func:`~loadgen.report.text.plain`, and where a
spreadsheet would take it for a formula it gets an apostrophe in front, the way spreadsheets mark text.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from loadgen.report import frames
from loadgen.report.text import plain
from loadgen.report.view import View

_FORMULA = tuple("=+-@＝＋－＠")


def summary(view: View) -> str:
    """Return ``summary.csv``: a row per client and level."""
    return _csv(frames.summary_frame(view.summaries))


def streams(view: View) -> str:
    """Return ``streams.csv``: a row per stream, in the order of the cells."""
    return _csv(frames.streams_frame(view.run))


def samples(view: View) -> str:
    """Return ``samples.csv``: what every engine used over time."""
    return _csv(frames.samples_frame(view.run))


def _csv(frame: pd.DataFrame) -> str:
    safe = frame.copy()
    for name, column in frame.items():
        if column.dtype.kind not in "biuf":
            safe[name] = column.map({value: _text(value) for value in column.dropna().unique()})
    text: str = safe.to_csv(index=False, lineterminator="\n", float_format="%.6f", na_rep="")
    return text


def _text(value: Any) -> str:
    shown = plain(value)
    return "'" + shown if shown.startswith(_FORMULA) else shown
