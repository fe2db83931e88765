"""The tables of a run as pandas DataFrames. What was not measured is NA, never 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loadgen.analysis.measures import Ints, Measured
from loadgen.model import Recording, Run, Summary

STREAM_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "cell": "Int64",
        "client": "string",
        "concurrency": "Int64",
        "repeat": "Int64",
        "stream": "Int64",
        "outcome": "string",
        "status": "Int64",
        "due_ms": "Float64",
        "start_ms": "Float64",
        "headers_ms": "Float64",
        "first_byte_ms": "Float64",
        "ttft_ms": "Float64",
        "total_ms": "Float64",
        "tokens": "Int64",
        "bytes": "Int64",
        "reads": "Int64",
        "error": "string",
        "worker": "string",
        "slot": "Int64",
        "warmup": "boolean",
        "text_events": "Int64",
        "tpot_ms": "Float64",
        "lag_max_ms": "Float64",
        "request_delay_ms": "Float64",
        "server_tokens": "Int64",
        "server_prompt_tokens": "Int64",
        "server_total_ms": "Float64",
        "server_load_ms": "Float64",
        "server_prompt_ms": "Float64",
        "server_decode_ms": "Float64",
    }
)

SAMPLE_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "cell": "Int64",
        "client": "string",
        "concurrency": "Int64",
        "repeat": "Int64",
        "at_ms": "Float64",
        "rss_kib": "Int64",
        "peak_rss_kib": "Int64",
        "threads": "Int64",
        "cpu_ns": "Int64",
        "voluntary": "Int64",
        "involuntary": "Int64",
        "run_wait_ns": "Int64",
        "streams_open": "Int64",
        "worker": "string",
    }
)


def streams_frame(run: Run) -> pd.DataFrame:
    """A row per stream, cells in the order they ran, streams in the order they were recorded; where workers shared
    a cell, one worker's after the other's, numbered through.

    ``due_ms``, ``start_ms``, ``headers_ms`` and ``first_byte_ms`` are marks, counted from the cell's start;
    ``ttft_ms`` and ``total_ms`` count from the stream's own start. ``server_*`` is what the server itself
    told of the stream. ``lag_max_ms`` is NA where lag is void or the server is another host.
    """
    before: Counter[int] = Counter()
    frames = []
    for recording in run.recordings:
        frames.append(_streams(recording, before[recording.index]))
        before[recording.index] += len(frames[-1])
    return _joined(frames, STREAM_COLUMNS)


def samples_frame(run: Run) -> pd.DataFrame:
    """A row per sample of an engine: ``at_ms`` from the cell's start, then the fields of ``Sample``."""
    return _joined([_samples(recording) for recording in run.recordings], SAMPLE_COLUMNS)


def summary_frame(summaries: Iterable[Summary]) -> pd.DataFrame:
    """A row per summary, the fields of :class:`~loadgen.model.Summary` in their order.

    ``reasons``, ``soft`` and ``outcomes`` are text, their items joined by ``"; "``; ``blocks`` is left out.
    """
    rows = list(summaries)
    return pd.DataFrame(
        {
            field.name: pd.array(
                [_cell(getattr(row, field.name)) for row in rows], dtype=_dtype(str(field.type))
            )
            for field in fields(Summary)
            if field.name != "blocks"
        }
    )


def _streams(recording: Recording, before: int) -> pd.DataFrame:
    m = Measured(recording)
    marks = {"due": m.column("due"), "start": m.column("start"), "headers": m.column("headers")}
    told = {name: m.column(f"{name}_ns") for name in ("total", "load", "prompt", "decode")}
    columns = {
        **_cell_columns(recording, len(m.outcome)),
        "stream": pd.array(np.arange(before, before + len(m.outcome)), dtype="Int64"),
        "outcome": pd.array(m.outcome, dtype="string"),
        "error": pd.array(m.column("error").astype(np.str_), dtype="string"),
        "warmup": pd.array(~m.counted, dtype="boolean"),
        **{name: _integers(m.column(name)) for name in ("slot", "status", "bytes", "reads", "server_tokens")},
        "tokens": _integers(m.tokens),
        "text_events": _integers(m.column("tokens")),
        "server_prompt_tokens": _integers(m.column("prompt_tokens")),
        **{f"{name}_ms": _milliseconds(at - recording.start, at < 0) for name, at in marks.items()},
        "first_byte_ms": _milliseconds(m.first_byte - recording.start, m.first_byte < 0),
        "ttft_ms": _milliseconds(m.ttft, m.ttft < 0),
        "total_ms": _milliseconds(m.total, m.total < 0),
        "tpot_ms": _milliseconds(m.tpot, m.tpot < 0),
        "lag_max_ms": _lag_max(m),
        "request_delay_ms": _milliseconds(m.request_delay, m.request_delay < 0),
        **{f"server_{name}_ms": _milliseconds(ns, ns < 0) for name, ns in told.items()},
    }
    return pd.DataFrame({name: columns[name] for name in STREAM_COLUMNS})


def _lag_max(m: Measured) -> pd.arrays.FloatingArray:
    highest = np.full(len(m.outcome), np.iinfo(np.int64).min)
    lags = m.lags(np.ones(len(m.outcome), dtype=bool)) if m.recording.same_host else None
    if lags is not None:
        begins = np.flatnonzero(np.diff(lags.owner, prepend=np.int32(-1)))
        highest[lags.owner[begins]] = np.maximum.reduceat(lags.values, begins)
    return _milliseconds(highest, highest == np.iinfo(np.int64).min)


def _samples(recording: Recording) -> pd.DataFrame:
    at = recording.samples["at"]
    columns = {
        **_cell_columns(recording, len(at)),
        "at_ms": _milliseconds(at - recording.start, at < 0),
        **{name: _integers(values) for name, values in recording.samples.items() if name != "at"},
    }
    return pd.DataFrame({name: columns[name] for name in SAMPLE_COLUMNS})


def _cell_columns(recording: Recording, n: int) -> dict[str, Any]:
    return {
        "cell": pd.array(np.full(n, recording.index), dtype="Int64"),
        "client": pd.array([recording.client] * n, dtype="string"),
        "concurrency": pd.array(np.full(n, recording.concurrency), dtype="Int64"),
        "repeat": pd.array(np.full(n, recording.repeat), dtype="Int64"),
        "worker": pd.array([recording.worker] * n, dtype="string"),
    }


def _integers(values: Ints) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(values.astype(np.int64), np.asarray(values < 0))


def _milliseconds(ns: Ints, missing: NDArray[np.bool_]) -> pd.arrays.FloatingArray:
    return pd.arrays.FloatingArray(np.where(missing, 0.0, ns / 1e6), np.asarray(missing))


def _joined(frames: list[pd.DataFrame], columns: Mapping[str, str]) -> pd.DataFrame:
    if not frames:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in columns.items()})
    return pd.concat(frames, ignore_index=True)


def _cell(value: Any) -> Any:
    if value is None:
        return pd.NA
    if isinstance(value, dict):
        return "; ".join(f"{number} {name}" for name, number in value.items())
    if isinstance(value, tuple):
        return "; ".join(value)
    return value.value if hasattr(value, "value") else value


def _dtype(annotation: str) -> pd.Int64Dtype | pd.Float64Dtype | pd.StringDtype:
    if annotation.startswith("int"):
        return pd.Int64Dtype()
    return pd.Float64Dtype() if annotation.startswith("float") else pd.StringDtype()
