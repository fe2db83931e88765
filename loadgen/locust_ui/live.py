"""The content of the Streaming tab: metrics of every client now, over its run so far, and over time."""

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any, Final

from loadgen import clients, store
from loadgen.analysis.limits import alone
from loadgen.analysis.metrics import Scalar, metrics
from loadgen.analysis.metrics.cpu import SECOND_NS
from loadgen.analysis.validity import SUSPECT, not_reached, standing, started_late
from loadgen.distributed.coordinator import Assignment
from loadgen.distributed.messages import Update
from loadgen.locust_ui.histograms import START_DELAY, Histograms
from loadgen.model import Cell, Outcome, Reason, Sample
from loadgen.report.client_style import ClientStyle, client_styles
from loadgen.report.columns import per_event, title_of, unit_of
from loadgen.report.sentences.limit import evidence, limited_by
from loadgen.report.sentences.validity import reason
from loadgen.report.text import joined

MAX_ROWS: Final = 3600  # of a client's history; the oldest go first
SETTLED_ROWS: Final = 2  # in which the number of streams requested must not change before it is checked
# What is read from the engines, and needs no streams that have ended: live metrics that are one number, and usage.
LIMIT: Final = "limit"  # the verdict of a limit that was reached, which is a result
WATCHED: Final = {"ttft": (50, 90, 95, 99), "lag": (50, 99), "to_wire": (50, 99)}  # percentiles, by metric
SCALARS: Final = ("tokens_per_s", "cpu_percent", "rss_mib", "threads")
JUDGED: Final = ("good_percent", "goodput_per_s")  # of streams as they end, where the scenario has objectives


@dataclass
class _Engine:
    """The engine of one assignment, and where it stood at the last row of history, ``at`` on the monotonic clock."""

    assignment: Assignment
    at: float
    tokens: int = 0
    sample: Sample = field(default_factory=lambda: Sample(at=0))  # with nothing measured
    values: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(SCALARS))
    busiest: float = 0.0  # percent of a core

    def tick(self) -> None:
        """Set the values, and the rates since the last row between the updates that arrived last."""
        assignment = self.assignment
        if assignment.updated_at > self.at:
            tokens = assignment.tokens - self.tokens
            self.values["tokens_per_s"] = max(0.0, tokens / (assignment.updated_at - self.at))
            self.at, self.tokens = assignment.updated_at, assignment.tokens
        before, now = self.sample, assignment.sample or self.sample
        cpu = None
        if now.cpu_ns is not None and before.cpu_ns is not None:
            cpu = 100 * (now.cpu_ns - before.cpu_ns) / max(now.at - before.at, 1)
            if now.at - before.at >= SECOND_NS:
                self.busiest = max(self.busiest, cpu)
        rss = None if now.rss_kib is None else now.rss_kib / 1024
        self.values |= {"cpu_percent": cpu, "rss_mib": rss, "threads": now.threads}
        self.sample = now


@dataclass
class _Client:
    """One client of the job: its engines, what their streams left, and a row of history for every moment."""

    cell: Cell
    style: ClientStyle
    engines: list[_Engine] = field(default_factory=list)
    total: Histograms = field(default_factory=Histograms)
    recent: Histograms = field(default_factory=Histograms)  # since the last row
    goodput: float | None = None  # good streams that ended per second, between the last two rows
    rows: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MAX_ROWS))

    @property
    def running(self) -> list[_Engine]:
        """The engines whose workers are not lost."""
        return [engine for engine in self.engines if not engine.assignment.lost]

    def state(self) -> dict[str, float | None]:
        """Return what the engines do at this moment, summed, by column."""
        running = self.running
        return {
            "requested": sum(engine.assignment.requested for engine in running),
            "open": sum(engine.assignment.open for engine in running),
            **{key: _sum(engine.values[key] for engine in running) for key in SCALARS},
        }

    @property
    def is_judged(self) -> bool:
        """Return whether its streams have objectives."""
        return bool(self.cell.workload.slo.of(self.cell.client).limits)

    def values(self) -> dict[str, float | None]:
        """Return what the rules of limits look at, by column of the summary."""
        found: dict[str, float | None] = {}
        for metric, ranks in WATCHED.items():
            of = self.total.percentiles(metric, ranks)
            found |= {f"{metric}_p{rank}_ms": of[rank] for rank in ranks}
        cpu = [row["cpu_percent"] for row in self.rows if row["cpu_percent"] is not None]
        found["cpu_percent"] = fmean(cpu) if cpu else None
        found["cpu_busiest_second_percent"] = max((engine.busiest for engine in self.running), default=None)
        return found

    def ended(self) -> dict[str, int]:
        """Return how many streams have ended in which way, by column."""
        outcomes = sum((engine.assignment.outcomes for engine in self.engines), Counter[Outcome]())
        ok, stopped = outcomes[Outcome.OK], outcomes[Outcome.STOPPED]
        return {"ok": ok, "failed": outcomes.total() - ok - stopped, "stopped": stopped}


class Live:
    """What is known of one job. Times are seconds since it began, by this process's clock alone."""

    def __init__(self) -> None:
        self.begin("", "", ())

    def begin(self, run: str, scenario: str, cells: Sequence[Cell]) -> None:
        """Begin with a new job; forget the one before."""
        styles = client_styles({cell.client: clients.info(cell.client.name).mode for cell in cells})
        self._run, self._scenario = run, scenario
        self._clients = {cell.index: _Client(cell, styles[cell.client]) for cell in cells}
        live = [each for each in metrics() if each.live]
        self._judged = any(client.is_judged for client in self._clients.values())
        shown = SCALARS + (JUDGED if self._judged else ())
        self._metrics = [m for m in live if m.key in shown or not isinstance(m.formula, Scalar)]
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

    def tick(self) -> None:
        """Add a row of history for every client: its state, and its times since the last row."""
        at = round(self.elapsed, 2)
        for client in self._known():
            for engine in client.engines:
                engine.tick()
            seconds = at - (client.rows[-1]["at"] if client.rows else 0.0)
            client.goodput = client.recent.good / seconds if client.is_judged and seconds > 0 else None
            row = {
                "at": at,
                **client.state(),
                **self._times(client.recent),
                **self._goodput(client, client.recent),
            }
            client.rows.append(row)
            client.recent = Histograms()

    # -- what the page gets

    def snapshot(self, state: str) -> dict[str, Any]:
        """Return plain values for the page, which builds its tables and charts from ``columns``."""
        totals = [client.total for client in self._known()]
        with per_event(of.tokens / of.events for of in totals if of.events):
            columns = [*self._columns()]
        return {
            "run": self._run,
            "scenario": self._scenario,
            "state": state,
            "elapsed": self.elapsed,
            "columns": columns,
            "clients": [
                {
                    "id": client.cell.index,
                    "client": client.style.label,
                    "colour": {"light": client.style.light, "dark": client.style.dark},
                    "values": {
                        **client.state(),
                        **self._times(client.total),
                        **self._goodput(client, client.total),
                        **client.ended(),
                    },
                    "history": [*client.rows],
                }
                for client in self._known()
            ],
            "workers": [
                {
                    "id": client.cell.index,
                    "worker": engine.assignment.worker or "this process",
                    "client": client.style.label,
                    "state": "lost" if engine.assignment.lost else state,
                    "open": engine.assignment.open,
                    "streams": engine.assignment.outcomes.total(),
                    **engine.values,
                }
                for client in self._known()
                for engine in client.engines
            ],
            "validity": self.verdicts or [*self._validity()],
            "notes": self.notes,
        }

    def _columns(self) -> Iterator[dict[str, Any]]:
        """Yield groups of columns: each with the [heading, column] pairs of the table and of the chart."""
        table, chart = [["now", "open"], ["target", "requested"]], [["", "open"]]
        yield {"title": "Streams open", "table": table, "chart": chart, "whole": True}
        for metric in self._metrics:
            pairs = [["" if rank is None else f"p{rank}", metric.column(rank)] for rank in metric.live]
            drawn = [pair for rank, pair in zip(metric.live, pairs, strict=True) if rank in metric.drawn]
            unit, title = unit_of(metric), title_of(metric)
            yield {
                "title": title if unit in metric.label else f"{title} ({unit})",
                "table": [] if metric.key in JUDGED else pairs,  # which share a heading
                "chart": drawn or pairs,
                "description": metric.description,
            }
        if self._judged:
            table = [[heading, name] for heading, name in zip(("%", "per s"), JUDGED, strict=True)]
            yield {"title": "Good streams", "table": table, "chart": []}
        yield {"title": "Memory (MiB)", "table": [], "chart": [["", "rss_mib"]]}
        yield {"title": "Threads", "table": [], "chart": [["", "threads"]], "whole": True}
        yield {"title": "Ended", "table": [[key, key] for key in ("ok", "failed", "stopped")], "chart": []}

    def _times(self, histograms: Histograms) -> dict[str, float | None]:
        """Return the live percentiles, by column; ``None`` where there are too few values."""
        found: dict[str, float | None] = {}
        for metric in self._metrics:
            if not isinstance(metric.formula, Scalar):
                ranks = [rank for rank in metric.live if rank is not None]
                values = histograms.percentiles(metric.key, ranks)
                found |= {metric.column(rank): values[rank] for rank in ranks}
        return found

    def _goodput(self, client: _Client, of: Histograms) -> dict[str, float | None]:
        """Return how many streams were good, by column; nothing where the scenario has no objectives."""
        percent = 100 * of.good / of.judged if of.judged else None
        return dict(zip(JUDGED, (percent, client.goodput), strict=True)) if self._judged else {}

    def _known(self) -> list[_Client]:
        return [client for client in self._clients.values() if client.engines]

    # -- validity and limits so far, by the rules and in the words of the report

    def _validity(self) -> Iterator[dict[str, str]]:
        """Yield what disturbs or limits the clients so far; the report checks all of it."""
        for client in self._known():
            shown = list(alone(client.values()))
            limit = shown[0][0] if shown else None
            for why in standing(self._reasons(client), limit):
                yield {"verdict": why.validity, "who": client.style.label, "text": reason(why)}
            if limit:
                figures = joined(evidence(each) for of, each in shown if of is limit)
                text = f"{limited_by(limit)}: {figures}"
                yield {"verdict": LIMIT, "who": client.style.label, "text": text}

    def _reasons(self, client: _Client) -> Iterator[Reason]:
        rows = list(client.rows)[-SETTLED_ROWS:]
        requested = {row["requested"] for row in rows}
        if len(rows) == SETTLED_ROWS and len(requested) == 1 and self._ended is None:
            for why in not_reached(max(row["open"] for row in rows), requested.pop()):
                yield replace(why, validity=SUSPECT)
        known = {
            f"{name}_p{rank}_ms": client.total.percentiles(name, (rank,))[rank]
            for name, rank in ((START_DELAY, 50), (START_DELAY, 99), ("ttft", 50))
        }
        yield from started_late(known)


def _sum(values: Iterable[float | None]) -> float | None:
    measured = [value for value in values if value is not None]
    return sum(measured) if measured else None
