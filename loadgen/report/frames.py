"""The tables of a run as pandas DataFrames. What was not measured is NA, never 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loadgen.analysis.measures import Ints, Measured
from loadgen.analysis.metrics import CONTRACT, KEYS, VERDICT, Column, column, columns, metrics
from loadgen.model import Recording, Run, Summary
from loadgen.report.sentences.validity import reason

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


# The columns of a summary that are no metrics.
_TEXTS: Mapping[str, Callable[[Summary], str]] = MappingProxyType(
    {
        "client": lambda summary: summary.client.label,
        "mode": lambda summary: summary.mode,
        "validity": lambda summary: summary.validity.value,
        "reasons": lambda summary: "; ".join(map(reason, summary.reasons)),
        "low_sample": lambda summary: "; ".join(name for name, of in summary.items() if of.low_sample),
        "outcomes": lambda summary: "; ".join(f"{n} {outcome}" for outcome, n in summary.outcomes.items()),
    }
)
_NUMBERS: Mapping[str, Callable[[Summary], int | None]] = MappingProxyType(
    {"concurrency": lambda summary: summary.level.streams, "repeats": lambda summary: summary.repeats}
)


def streams_frame(run: Run) -> pd.DataFrame:
    """Return a row per stream, cells in the order they ran, streams in the order they were recorded.

    Where workers shared a cell, the streams of one worker follow those of another, numbered through.
    ``due_ms``, ``start_ms``, ``headers_ms`` and ``first_byte_ms`` are marks, counted from the cell's start;
    ``ttft_ms`` and ``total_ms`` count from the stream's own start. ``server_*`` is what the server itself
    reported. ``lag_max_ms`` is NA after a clock step, and where the server runs on another host.
    """
    before: Counter[int] = Counter()
    frames = []
    for recording in run.recordings:
        frames.append(_streams(recording, before[recording.index]))
        before[recording.index] += len(frames[-1])
    return _joined(frames, STREAM_COLUMNS)


def samples_frame(run: Run) -> pd.DataFrame:
    """Return a row per sample of an engine: ``at_ms`` from the cell's start, then the fields of ``Sample``."""
    return _joined([_samples(recording) for recording in run.recordings], SAMPLE_COLUMNS)


def summary_columns() -> list[str]:
    """Return the columns of ``summary.csv`` in their order: the contract's, the other metrics', then bounds."""
    values = {name: each for name, each in columns().items() if each.part == "value"}
    contract = [name for name, each in values.items() if each.metric in metrics()[: len(CONTRACT)]]
    return [
        *KEYS,
        *contract,
        *VERDICT,
        *(name for name in columns() if name not in values and columns()[name].part == "n"),
        *(name for name in values if name not in contract),
        *(name for name, each in columns().items() if each.part in ("low", "high")),
    ]


def summary_frame(summaries: Iterable[Summary]) -> pd.DataFrame:
    """Return a row per summary with :func:`summary_columns`.

    ``reasons``, ``low_sample`` and ``outcomes`` are text, their items joined by ``"; "``.
    """
    rows = list(summaries)
    return pd.DataFrame({name: _summary_column(rows, name) for name in summary_columns()})


def _summary_column(rows: Sequence[Summary], name: str) -> Any:
    if name in _TEXTS:
        return pd.array([_TEXTS[name](row) for row in rows], dtype="string")
    if name in _NUMBERS:
        return pd.array([_NUMBERS[name](row) for row in rows], dtype="Int64")
    of = column(name)
    return pd.array([value(row, of) for row in rows], dtype="Int64" if of.whole else "Float64")


def value(summary: Summary, of: Column) -> float | None:
    """Return what a summary has in that column; ``None`` where it was not measured."""
    if of.part == "low":
        return summary[of.metric.column(of.rank)].low
    if of.part == "high":
        return summary[of.metric.column(of.rank)].high
    return summary.value(of.name)


def _streams(recording: Recording, before: int) -> pd.DataFrame:
    m = Measured(recording)
    of = m.streams
    marks = {"due": of.due, "start": of.start, "headers": of.headers}
    server = {"total": of.total_ns, "load": of.load_ns, "prompt": of.prompt_ns, "decode": of.decode_ns}
    columns = {
        **_cell_columns(recording, len(m.outcome)),
        "stream": pd.array(np.arange(before, before + len(m.outcome)), dtype="Int64"),
        "outcome": pd.array(m.outcome, dtype="string"),
        "error": pd.array(of.error.astype(np.str_), dtype="string"),
        "warmup": pd.array(~m.after_warmup, dtype="boolean"),
        "slot": _integers(of.slot),
        "status": _integers(of.status),
        "bytes": _integers(of.bytes),
        "reads": _integers(of.reads),
        "server_tokens": _integers(of.server_tokens),
        "tokens": _integers(m.tokens),
        "text_events": _integers(of.text_events),
        "server_prompt_tokens": _integers(of.prompt_tokens),
        **{f"{name}_ms": _milliseconds(at - recording.start, at < 0) for name, at in marks.items()},
        "first_byte_ms": _milliseconds(m.first_byte - recording.start, m.first_byte < 0),
        "ttft_ms": _milliseconds(m.ttft, m.ttft < 0),
        "total_ms": _milliseconds(m.total, m.total < 0),
        "tpot_ms": _milliseconds(m.tpot, m.tpot < 0),
        "lag_max_ms": _lag_max(m),
        "send_delay_ms": _milliseconds(m.send_delay, m.send_delay < 0),
        **{f"server_{name}_ms": _milliseconds(ns, ns < 0) for name, ns in server.items()},
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
    at = recording.samples.at
    columns = {
        **_cell_columns(recording, len(at)),
        "at_ms": _milliseconds(at - recording.start, at < 0),
        **{name: _integers(values) for name, values in recording.samples.columns.items() if name != "at"},
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
