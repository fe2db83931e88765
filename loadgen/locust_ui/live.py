"""The content of the Streaming tab: metrics of every client now, over its run so far, and over time."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from loadgen import clients, store
from loadgen.analysis.limits import BUSY_PERCENT, long_delays
from loadgen.analysis.metrics import Metric, Scalar, metrics
from loadgen.analysis.validity import LIVE_SUSPECT, SCHEDULE_LATE_SUSPECT_MS, SUSPECT
from loadgen.distributed.coordinator import Assignment
from loadgen.distributed.messages import Update
from loadgen.locust_ui.histograms import START_DELAY, Histograms
from loadgen.model import Cell, Outcome, Reason, Sample, reasons
from loadgen.report.client_style import ClientStyle, client_styles
from loadgen.report.columns import title_of, unit_of
from loadgen.report.sentences.limit import evidence
from loadgen.report.sentences.validity import reason

MAX_ROWS: Final = 3600  # of a client's history; the oldest go first
SETTLED_ROWS: Final = 2  # in which the number of streams requested must not change before it is checked


@dataclass
class _Engine:
    """The engine of one assignment, and where it stood at the last row of history, ``at`` on the monotonic clock."""

    assignment: Assignment
    at: float
    tokens: int = 0
    sample: Sample | None = None
    tokens_per_s: float | None = None
    cpu_percent: float | None = None

    def tick(self) -> None:
        """Set the rates since the last row, between the updates that arrived last."""
        assignment, before = self.assignment, self.sample
        if assignment.updated_at > self.at:
            tokens = assignment.tokens - self.tokens
            self.tokens_per_s = max(0.0, tokens / (assignment.updated_at - self.at))
            self.at, self.tokens = assignment.updated_at, assignment.tokens
        samples = assignment.rows.samples
        now = self.sample = samples[-1] if samples else None
        self.cpu_percent = None
        if now is not None and now.cpu_ns is not None and before is not None and before.cpu_ns is not None:
            self.cpu_percent = 100 * (now.cpu_ns - before.cpu_ns) / max(now.at - before.at, 1)

    @property
    def rss_mib(self) -> float | None:
        return None if self.sample is None or self.sample.rss_kib is None else self.sample.rss_kib / 1024

    @property
    def threads(self) -> int | None:
        return None if self.sample is None else self.sample.threads


@dataclass
class _Client:
    """One client of the job: its engines, what their streams left, and a row of history for every moment."""

    cell: Cell
    style: ClientStyle
    engines: list[_Engine] = field(default_factory=list)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    total: Histograms = field(default_factory=Histograms)
    recent: Histograms = field(default_factory=Histograms)  # since the last row
    rows: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MAX_ROWS))

    @property
    def running(self) -> list[_Engine]:
        """Return the engines whose workers are not lost."""
        return [engine for engine in self.engines if not engine.assignment.lost]

    def state(self) -> dict[str, float | None]:
        """Return what the engines do at this moment, summed, by column."""
        engines = self.running
        return {
            "requested": sum(engine.assignment.requested for engine in engines),
            "open": sum(engine.assignment.open for engine in engines),
            "rss_mib": _sum(engine.rss_mib for engine in engines),
            "threads": _sum(engine.threads for engine in engines),
            **{key: _sum(map(value, engines)) for key, value in _SCALARS.items()},
        }


# Live metrics that are one number: they are read from the engines, and need no streams that have ended.
_SCALARS: Mapping[str, Callable[[_Engine], float | None]] = {
    "tokens_per_s": lambda engine: engine.tokens_per_s,
    "cpu_percent": lambda engine: engine.cpu_percent,
}


class Live:
    """What is known of one job. Times are seconds since it began, by this process's clock alone."""

    def __init__(self) -> None:
        self.begin("", "", ())

    def begin(self, run: str, scenario: str, cells: Sequence[Cell]) -> None:
        """Begin with a new job; forget the one before."""
        styles = client_styles({cell.client: clients.info(cell.client.name).mode for cell in cells})
        self._run, self._scenario = run, scenario
        self._clients = {cell.index: _Client(cell, styles[cell.client]) for cell in cells}
        self._metrics = [each for each in metrics() if each.live and _is_shown(each)]
        self._began = time.monotonic()
        self._ended: float | None = None
        self.notes: list[str] = []
        self.verdicts: list[dict[str, str]] = []  # of the report, once it is made

    def end(self) -> None:
        """Stop the clock."""
        self._ended = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the job began, until it ended."""
        return (self._ended or time.monotonic()) - self._began

    def update(self, assignment: Assignment, update: Update) -> None:
        """Count the streams of an update that was added to ``assignment``."""
        client = self._clients.get(assignment.cell)
        if client is None:  # of the job before, whose engine did not end in time
            return
        if not any(engine.assignment is assignment for engine in client.engines):
            client.engines.append(_Engine(assignment, self._began))
        if update.rows.streams:
            recording = store.filled(update.recording, *update.rows)
            for histograms in (client.total, client.recent):
                histograms.add(recording)
            client.outcomes.update(stream.outcome for stream in update.rows.streams)

    def tick(self) -> None:
        """Add a row of history for every client: its state, and its times since the last row."""
        at = round(self.elapsed, 2)
        for client in self._known():
            for engine in client.engines:
                engine.tick()
            client.rows.append({"at": at, **client.state(), **self._times(client.recent)})
            client.recent = Histograms()

    # -- what the page gets

    def snapshot(self, state: str) -> dict[str, Any]:
        """Return plain values for the page, which builds its tables and charts from ``columns``."""
        return {
            "run": self._run,
            "scenario": self._scenario,
            "state": state,
            "elapsed": self.elapsed,
            "columns": [*self._columns()],
            "clients": [self._client(client) for client in self._known()],
            "workers": [
                self._worker(client, engine, state) for client in self._known() for engine in client.engines
            ],
            "validity": self.verdicts or [*self._validity()],
            "notes": self.notes,
        }

    def _columns(self) -> Iterator[dict[str, Any]]:
        """Yield groups of columns: each with the [heading, column] pairs of the table and of the chart."""
        yield _group("Streams open", [["now", "open"], ["target", "requested"]], [["", "open"]], whole=True)
        for metric in self._metrics:
            pairs = [["" if rank is None else f"p{rank}", metric.column(rank)] for rank in metric.live]
            drawn = [pair for rank, pair in zip(metric.live, pairs, strict=True) if rank in metric.drawn]
            unit = unit_of(metric)
            title = title_of(metric) if unit in metric.label else f"{title_of(metric)} ({unit})"
            yield _group(title, pairs, drawn or pairs, description=metric.description)
        yield _group("Memory (MiB)", [], [["", "rss_mib"]])
        yield _group("Threads", [], [["", "threads"]], whole=True)
        yield _group("Ended", [[name, name] for name in ("ok", "failed", "stopped")], [])

    def _times(self, histograms: Histograms) -> dict[str, float | None]:
        """Return the live percentiles, by column; ``None`` where there are too few values."""
        found: dict[str, float | None] = {}
        for metric in self._metrics:
            if not isinstance(metric.formula, Scalar):
                ranks = [rank for rank in metric.live if rank is not None]
                values = histograms.percentiles(metric.key, ranks)
                found |= {metric.column(rank): values[rank] for rank in ranks}
        return found

    def _known(self) -> list[_Client]:
        return [client for client in self._clients.values() if client.engines]

    def _client(self, client: _Client) -> dict[str, Any]:
        outcomes = client.outcomes
        ok, stopped = outcomes[Outcome.OK], outcomes[Outcome.STOPPED]
        counts = {"ok": ok, "failed": outcomes.total() - ok - stopped, "stopped": stopped}
        return {
            "id": client.cell.index,
            "client": client.style.label,
            "colour": {"light": client.style.light, "dark": client.style.dark},
            "values": {**client.state(), **self._times(client.total), **counts},
            "history": [*client.rows],
        }

    def _worker(self, client: _Client, engine: _Engine, state: str) -> dict[str, Any]:
        assignment = engine.assignment
        return {
            "id": client.cell.index,
            "worker": assignment.worker or "this process",
            "client": client.style.label,
            "state": "lost" if assignment.lost else state,
            "open": assignment.open,
            "streams": len(assignment.rows.streams),
            "rss_mib": engine.rss_mib,
            "threads": engine.threads,
            "cpu_percent": engine.cpu_percent,
        }

    # -- validity so far

    def _validity(self) -> Iterator[dict[str, str]]:
        """Yield what disturbs or limits the clients so far; the report checks all of it."""
        for client in self._known():
            for text in [*map(reason, self._reasons(client)), *_limits(client)]:
                yield {"verdict": "suspect", "who": client.style.label, "text": text}

    def _reasons(self, client: _Client) -> Iterator[Reason]:
        rows = list(client.rows)[-SETTLED_ROWS:]
        requested = {row["requested"] for row in rows}
        if len(rows) == SETTLED_ROWS and len(requested) == 1 and self._ended is None:
            target, peak = requested.pop(), max(row["open"] for row in rows)
            if peak < LIVE_SUSPECT * target:
                yield reasons.ConcurrencyNotReached(validity=SUSPECT, peak=peak, target=target)
        late_ms = client.total.percentiles(START_DELAY, [99])[99]
        if late_ms is not None and late_ms > SCHEDULE_LATE_SUSPECT_MS:
            yield reasons.StartedLate(validity=SUSPECT, percentile=99, late_ms=late_ms)


def _limits(client: _Client) -> Iterator[str]:
    metrics = ("ttft", "lag", "send_delay")
    found = {metric: client.total.percentiles(metric, (50, 99)) for metric in metrics}
    delays = long_delays(
        {f"{metric}_p{rank}_ms": of[rank] for metric, of in found.items() for rank in (50, 99)}
    )
    yield from map(evidence, delays)
    for engine in client.running:
        if engine.cpu_percent is not None and engine.cpu_percent > BUSY_PERCENT:
            of_worker = f" of {engine.assignment.worker}" if engine.assignment.worker else ""
            yield f"the engine{of_worker} used {engine.cpu_percent:.0f} % of a core: it is at its limit"


def _is_shown(metric: Metric) -> bool:
    return not isinstance(metric.formula, Scalar) or metric.key in _SCALARS


def _group(
    title: str,
    table: Sequence[Sequence[str]],
    chart: Sequence[Sequence[str]],
    *,
    whole: bool = False,
    description: str = "",
) -> dict[str, Any]:
    return {"title": title, "table": table, "chart": chart, "whole": whole, "description": description}


def _sum(values: Iterable[Any]) -> Any:
    measured = [value for value in values if value is not None]
    return sum(measured) if measured else None
