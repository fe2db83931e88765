"""The tables of a run as pandas DataFrames. What was not measured is NA, never 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
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
        "send_delay_ms": "Float64",
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


SUMMARY_COLUMNS = [
    "client",
    "mode",
    "concurrency",
    "repeats",
    "streams",
    "ok",
    "errors",
    "live_peak",
    "tokens",
    "tokens_per_s",
    "ttft_p50_ms",
    "ttft_p90_ms",
    "ttft_p95_ms",
    "ttft_p99_ms",
    "itl_p50_ms",
    "itl_p90_ms",
    "itl_p95_ms",
    "itl_p99_ms",
    "total_p50_ms",
    "total_p90_ms",
    "total_p95_ms",
    "total_p99_ms",
    "lag_p50_ms",
    "lag_p99_ms",
    "rss_base_mib",
    "rss_peak_mib",
    "rss_per_stream_kib",
    "threads_peak",
    "cpu_s",
    "cpu_us_per_token",
    "voluntary_switches_per_token",
    "involuntary_switches_per_token",
    "validity",
    "reasons",
    "ttft_n",
    "itl_n",
    "lag_n",
    "soft",
    "outcomes",
    "live_mean",
    "events_per_read",
    "headers_p50_ms",
    "headers_p99_ms",
    "tpot_p50_ms",
    "tpot_p99_ms",
    "ttft_corrected_p50_ms",
    "ttft_corrected_p99_ms",
    "total_corrected_p50_ms",
    "total_corrected_p99_ms",
    "send_delay_p50_ms",
    "send_delay_p99_ms",
    "relative_lag_p50_ms",
    "relative_lag_p99_ms",
    "cpu_percent",
    "cpu_share",
    "run_wait_percent",
    "load_max_ms",
    "startup_streams",
    "startup_ttft_p50_ms",
    "startup_ttft_p99_ms",
    "ttft_p50_low_ms",
    "ttft_p50_high_ms",
    "ttft_p99_low_ms",
    "ttft_p99_high_ms",
    "itl_p99_low_ms",
    "itl_p99_high_ms",
    "total_p50_low_ms",
    "total_p50_high_ms",
    "lag_p99_low_ms",
    "lag_p99_high_ms",
]
_TEXTS = frozenset({"client", "mode", "validity", "reasons", "soft", "outcomes"})
_WHOLE = frozenset(
    [
        "concurrency",
        "repeats",
        "streams",
        "ok",
        "errors",
        "live_peak",
        "tokens",
        "threads_peak",
        "ttft_n",
        "itl_n",
        "lag_n",
        "startup_streams",
    ]
)
NUMBERS = tuple(
    name for name in SUMMARY_COLUMNS if name not in _TEXTS and not name.endswith(("_low_ms", "_high_ms"))
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

    ``reasons``, ``soft`` and ``outcomes`` are text, their items joined by ``"; "``.
    """
    rows = list(summaries)
    return pd.DataFrame(
        {
            name: pd.array([_summary_cell(row, name) for row in rows], dtype=_dtype(name))
            for name in SUMMARY_COLUMNS
        }
    )


def _summary_cell(summary: Summary, name: str) -> Any:
    match name:
        case "client":
            return summary.client.label
        case "mode":
            return summary.mode
        case "concurrency":
            return pd.NA if summary.level.streams is None else summary.level.streams
        case "repeats":
            return summary.repeats
        case "validity":
            return summary.validity.value
        case "reasons":
            return "; ".join(summary.reasons)
        case "soft":
            return "; ".join(metric for metric, estimate in summary.items() if estimate.low_sample)
        case "outcomes":
            return "; ".join(f"{number} {outcome}" for outcome, number in summary.outcomes.items())
    for end in ("low", "high"):
        if name.endswith(f"_{end}_ms"):
            value = getattr(summary[name.removesuffix(f"_{end}_ms") + "_ms"], end)
            return pd.NA if value is None else value
    value = summary.value(name)
    return pd.NA if value is None else value


def _streams(recording: Recording, before: int) -> pd.DataFrame:
    m = Measured(recording)
    marks = {"due": m.column("due"), "start": m.column("start"), "headers": m.column("headers")}
    told = {name: m.column(f"{name}_ns") for name in ("total", "load", "prompt", "decode")}
    columns = {
        **_cell_columns(recording, len(m.outcome)),
        "stream": pd.array(np.arange(before, before + len(m.outcome)), dtype="Int64"),
        "outcome": pd.array(m.outcome, dtype="string"),
        "error": pd.array(m.column("error").astype(np.str_), dtype="string"),
        "warmup": pd.array(~m.after_warmup, dtype="boolean"),
        **{name: _integers(m.column(name)) for name in ("slot", "status", "bytes", "reads", "server_tokens")},
        "tokens": _integers(m.tokens),
        "text_events": _integers(m.column("text_events")),
        "server_prompt_tokens": _integers(m.column("prompt_tokens")),
        **{f"{name}_ms": _milliseconds(at - recording.start, at < 0) for name, at in marks.items()},
        "first_byte_ms": _milliseconds(m.first_byte - recording.start, m.first_byte < 0),
        "ttft_ms": _milliseconds(m.ttft, m.ttft < 0),
        "total_ms": _milliseconds(m.total, m.total < 0),
        "tpot_ms": _milliseconds(m.tpot, m.tpot < 0),
        "lag_max_ms": _lag_max(m),
        "send_delay_ms": _milliseconds(m.send_delay, m.send_delay < 0),
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
        "client": pd.array([recording.client.label] * n, dtype="string"),
        "concurrency": pd.array([recording.level.streams] * n, dtype="Int64"),
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


def _dtype(column: str) -> pd.Int64Dtype | pd.Float64Dtype | pd.StringDtype:
    if column in _TEXTS:
        return pd.StringDtype()
    return pd.Int64Dtype() if column in _WHOLE else pd.Float64Dtype()
