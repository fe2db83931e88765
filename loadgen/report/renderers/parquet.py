"""The tables of the CSV files as Parquet: typed columns, text as it is, null where nothing was measured."""

from __future__ import annotations

from io import BytesIO

import pandas as pd

from loadgen.report import frames
from loadgen.report.view import View


def summary(view: View) -> bytes:
    """Return ``summary.parquet``: a row per client and level."""
    return _parquet(frames.summary_frame(view.summaries))


def streams(view: View) -> bytes:
    """Return ``streams.parquet``: a row per stream."""
    return _parquet(frames.streams_frame(view.run))


def samples(view: View) -> bytes:
    """Return ``samples.parquet``: what every engine used over time."""
    return _parquet(frames.samples_frame(view.run))


def _parquet(frame: pd.DataFrame) -> bytes:
    file = BytesIO()
    frame.to_parquet(file, engine="pyarrow", index=False)
    return file.getvalue()
