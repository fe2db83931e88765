"""Parquet files hold what the CSV files hold."""

from __future__ import annotations

import pandas as pd
import pytest

from loadgen.report import frames
from loadgen.report.renderers import PARQUET
from loadgen.report.write import write
from tests.report.runs import run_of, view

pytest.importorskip("pyarrow")


def test_every_table_is_read_back_as_it_was(tmp_path):
    shown = view(run_of(tmp_path))
    write(shown, parquet=True)
    tables = {
        "summary": frames.summary_frame(shown.summaries),
        "streams": frames.streams_frame(shown.run),
        "samples": frames.samples_frame(shown.run),
    }
    assert {f"{name}.parquet" for name in tables} == set(PARQUET)
    for name, frame in tables.items():
        read = pd.read_parquet(tmp_path / f"{name}.parquet", dtype_backend="numpy_nullable")
        pd.testing.assert_frame_equal(read, frame, check_dtype=False)
