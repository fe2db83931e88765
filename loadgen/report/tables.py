"""The tables of a run, column by column: what its CSV files and its DataFrames hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from loadgen.analysis.measures import Ints, Measured
from loadgen.analysis.metrics import CONTRACT, KEYS, VERDICT, Column, column, columns, metrics
from loadgen.analysis.parts import NAMES
from loadgen.model import Recording, Run, SampleTable, Summary
from loadgen.report.language import language
from loadgen.report.sentences.validity import reason

Kind = Literal["Int64", "Float64", "boolean", "string"]
DTYPES: Mapping[Kind, type] = {
    "Int64": np.int64,
    "Float64": np.float64,
    "boolean": np.bool_,
    "string": object,
}
_CELL = ("cell", "client", "concurrency", "repeat")
STREAM_COLUMNS = (
    *_CELL, "stream", "outcome", "status", "due_ms", "start_ms", "headers_ms", "first_byte_ms", "ttft_ms", "total_ms",
    "tokens", "bytes", "reads", "error", "worker", "slot", "warmup", "text_events", "tpot_ms", "lag_max_ms",
    "send_delay_ms", "server_tokens", "server_prompt_tokens", "server_total_ms", "server_load_ms", "server_prompt_ms",
    "server_decode_ms", "attempt", *(f"{part}_ms" for part in NAMES), "answer_ttft_ms", "thinking_events",
    "tool_call_events", "refusal_events", "server_thinking_tokens", "finish_reason", "sent_ms",
    "prompt_tokens_per_s", "decode_tokens_per_s",
    "drain_ms", "prompt", "input_asked", "output_asked", "server_cached_tokens", "good",
    "rate", "ttft_corrected_ms", "total_corrected_ms", "held_ms", "start_delay_ms",
    "session", "turn", "http", "port", "ttft_connected_ms", "engine",
)  # fmt: skip
SAMPLE_COLUMNS = (
    *_CELL,
    "at_ms",
    *(field.name for field in fields(SampleTable) if field.name != "at"),
    "worker",
    "attempt",
    "engine",
)


@dataclass(frozen=True, slots=True)
class Cells:
    """The values of a column, and which of them were not measured."""

    kind: Kind
    values: NDArray[Any]
    missing: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, selected: slice) -> Cells:
        """Return some rows of the column."""
        return Cells(self.kind, self.values[selected], self.missing[selected])


Table = Mapping[str, Cells]


@language("en")  # whatever the report is in: scripts read them
def _reasons(summary: Summary) -> str:
    return "; ".join(map(reason, summary.reasons))


def _counts(of: Mapping[str, int]) -> str:
    return "; ".join(f"{n} {name}" for name, n in of.items())


# The columns of a summary that are no metrics.
_KEYS: Mapping[str, Callable[[Summary], Any]] = {
    "client": lambda summary: summary.client.label,
    "mode": lambda summary: summary.mode,
    "concurrency": lambda summary: summary.level.streams,
    "rate": lambda summary: summary.level.rate,
    "repeats": lambda summary: summary.repeats,
    "validity": lambda summary: summary.validity.value,
    "reasons": _reasons,
    "limited_by": lambda summary: summary.limited_by.value if summary.limited_by else "",
    "low_sample": lambda summary: "; ".join(name for name, of in summary.items() if of.low_sample),
    "outcomes": lambda summary: _counts(summary.outcomes),
    "finish_reasons": lambda summary: _counts(summary.finish_reasons),
}


def streams(run: Run) -> Iterator[Table]:
    """Yield a row per stream, with :data:`STREAM_COLUMNS`, recording by recording.

    Cells come in the order they ran, streams in the order they were recorded.
    Where workers or engines shared a cell, the streams of one follow those of another, numbered through.
    ``due_ms``, ``start_ms``, ``sent_ms``, ``headers_ms`` and ``first_byte_ms`` are marks from the cell's start on;
    ``ttft_ms`` and ``total_ms`` count from the stream's own start. ``server_*`` is what the server itself
    reported. ``lag_max_ms`` is missing where the stream’s stamps or the server’s clock give no lag. From ``attempt`` 1
    on a cell was measured again; only the least disturbed attempt counts. The last columns are the parts of the time
    (:mod:`loadgen.analysis.parts`): up to ``unsplit_ms`` they add up to the TTFT, all together to the total.
    """
    before: Counter[tuple[int, int]] = Counter()
    for recording in run.recordings:
        cell = recording.index, recording.attempt
        yield _streams(recording, before[cell])
        before[cell] += len(recording.streams)


def samples(run: Run) -> Iterator[Table]:
    """Yield a row per sample of an engine, with :data:`SAMPLE_COLUMNS`, recording by recording.

    ``at_ms`` counts from the cell's start; the others are the fields of ``Sample``.
    """
    return map(_samples, run.recordings)


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


def summary(summaries: Iterable[Summary]) -> Table:
    """Return a row per summary with :func:`summary_columns`.

    ``reasons``, ``low_sample``, ``outcomes`` and ``finish_reasons`` are text, their items joined by ``"; "``.
    """
    rows = list(summaries)
    return {name: _summary_column(rows, name) for name in summary_columns()}


def _summary_column(rows: Sequence[Summary], name: str) -> Cells:
    if name in _KEYS:
        kinds: Mapping[str, Kind] = {"concurrency": "Int64", "repeats": "Int64", "rate": "Float64"}
        return _cells(kinds.get(name, "string"), [_KEYS[name](row) for row in rows])
    of = column(name)
    return _cells("Int64" if of.whole else "Float64", [_value(row, of) for row in rows])


def _cells(kind: Kind, values: Sequence[Any]) -> Cells:
    """Return a column of these values; ``None`` was not measured."""
    missing = np.array([value is None for value in values], dtype=np.bool_)
    if kind != "string":
        values = [0 if value is None else value for value in values]
    return Cells(kind, np.array(values, dtype=DTYPES[kind]), missing)


def _value(summary: Summary, of: Column) -> float | None:
    """Return what a summary has in that column; ``None`` where it was not measured."""
    if of.part in ("low", "high"):
        bounds = summary[of.metric.column(of.rank)]
        return bounds.low if of.part == "low" else bounds.high
    return summary.value(of.name)


def _streams(recording: Recording, before: int) -> Table:
    m = Measured(recording)
    of = m.reported
    marks = {
        "due": of.due,
        "start": of.start,
        "sent": of.sent,
        "headers": of.headers,
        "first_byte": m.first_byte,
    }
    times = {
        "ttft": m.ttft, "ttft_connected": m.ttft_connected,
        "answer_ttft": m.answer_ttft, "total": m.total, "tpot": m.tpot, "send_delay": m.send_delay,
        "drain": of.drain_ns, "ttft_corrected": m.ttft_corrected, "total_corrected": m.total_corrected,
        "held": of.held_ns, "start_delay": m.start_delay,
        "server_total": of.total_ns, "server_load": of.load_ns, "server_prompt": of.prompt_ns,
        "server_decode": of.decode_ns, **{name: getattr(m.parts, name) for name in NAMES},
    }  # fmt: skip
    speeds = {
        "prompt": _per_s(m.reported.prompt_tokens, m.reported.prompt_ns),
        "decode": _per_s(m.reported.server_tokens, m.reported.decode_ns),
    }
    found = {
        **of.columns,
        **{f"{name}_tokens_per_s": speed for name, speed in speeds.items()},
        "stream": np.arange(before, before + len(of)),
        "warmup": ~m.after_warmup,
        "tokens": m.tokens,
        "server_prompt_tokens": of.prompt_tokens,
        "lag_max_ms": _lag_max(m),
        "good": _good(m),
        **{f"{name}_ms": _milliseconds(at - recording.start, at < 0) for name, at in marks.items()},
        **{f"{name}_ms": _milliseconds(ns, ns < 0) for name, ns in times.items()},
    }
    if not m.has_tokens:
        found |= {name: np.full(len(of), -1) for name in STREAM_COLUMNS if name.endswith("_events")}
    return _table(recording, len(of), found, STREAM_COLUMNS)


def _good(m: Measured) -> Cells:
    of = m.judged
    known = of.good | of.bad if of else np.zeros(len(m.ok), dtype=np.bool_)
    return Cells("boolean", of.good if of else known, ~known)


def _lag_max(m: Measured) -> Cells:
    highest = np.full(len(m.outcome), np.iinfo(np.int64).min)
    lags = m.lags(np.ones(len(m.outcome), dtype=bool))
    if lags is not None:
        begins = np.flatnonzero(np.diff(lags.owner, prepend=np.int32(-1)))
        highest[lags.owner[begins]] = np.maximum.reduceat(lags.values, begins)
    return _milliseconds(highest, highest == np.iinfo(np.int64).min)


def _samples(recording: Recording) -> Table:
    of = recording.samples
    at_ms = _milliseconds(of.at - recording.start, of.at < 0)
    return _table(recording, len(of), {**of.columns, "at_ms": at_ms}, SAMPLE_COLUMNS)


def _milliseconds(ns: Ints, missing: NDArray[np.bool_]) -> Cells:
    return Cells("Float64", np.where(missing, 0.0, ns / 1e6), missing)


def _per_s(tokens: Ints, ns: Ints) -> Cells:
    missing = (tokens <= 0) | (ns <= 0)
    return Cells("Float64", tokens / np.where(missing, 1, ns) * 1e9, missing)


def _table(recording: Recording, n: int, found: Mapping[str, Any], names: Sequence[str]) -> Table:
    cell = (recording.index, recording.client.label, recording.level.streams, recording.repeat)
    same = {
        **dict(zip(_CELL, cell, strict=True)),
        "worker": recording.worker,
        "attempt": recording.attempt,
        "engine": recording.engine.number if recording.engine else 1,
        "rate": recording.level.rate,
    }
    return {
        name: _repeated(name, same[name], n) if name in same else _column(name, found[name]) for name in names
    }


def _repeated(name: str, value: Any, n: int) -> Cells:
    one = _cells(kind_of(name), [value])
    return Cells(one.kind, np.broadcast_to(one.values, n), np.broadcast_to(one.missing, n))


def _column(name: str, values: Any) -> Cells:
    if isinstance(values, Cells):
        return values
    kind = kind_of(name)
    missing = values < 0 if kind == "Int64" else np.broadcast_to(np.False_, len(values))
    return Cells(kind, values, missing)


def kind_of(name: str) -> Kind:
    """Return the kind of a column of streams or samples."""
    if name == "rate" or name.endswith(("_ms", "_per_s")):
        return "Float64"
    texts = ("client", "outcome", "error", "worker", "finish_reason", "http")
    return "string" if name in texts else "boolean" if name in ("warmup", "good") else "Int64"
