"""The tables of a run as pandas DataFrames. What was not measured is NA, never 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from loadgen.model import Run, Summary
from loadgen.report import tables
from loadgen.report.tables import SAMPLE_COLUMNS, STREAM_COLUMNS, Cells, Kind, Table

_ARRAYS: dict[Kind, Any] = {
    "Int64": pd.arrays.IntegerArray,
    "Float64": pd.arrays.FloatingArray,
    "boolean": pd.arrays.BooleanArray,
}


def streams_frame(run: Run) -> pd.DataFrame:
    """Return the rows of :func:`~loadgen.report.tables.streams`."""
    return _joined([*tables.streams(run)], STREAM_COLUMNS)


def samples_frame(run: Run) -> pd.DataFrame:
    """Return the rows of :func:`~loadgen.report.tables.samples`."""
    return _joined([*tables.samples(run)], SAMPLE_COLUMNS)


def summary_frame(summaries: Iterable[Summary]) -> pd.DataFrame:
    """Return the rows of :func:`~loadgen.report.tables.summary`."""
    return _frame(tables.summary(summaries))


def _joined(parts: Sequence[Table], names: Sequence[str]) -> pd.DataFrame:
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=tables.kind_of(name)) for name in names})
    return pd.concat([_frame(part) for part in parts], ignore_index=True)


def _frame(table: Table) -> pd.DataFrame:
    return pd.DataFrame({name: _array(cells) for name, cells in table.items()})


def _array(of: Cells) -> Any:
    if of.kind == "string":
        return pd.array(of.values.tolist(), "string")
    return _ARRAYS[of.kind](np.array(of.values, tables.DTYPES[of.kind]), np.array(of.missing))
