"""What the Streaming tab shows: histograms of all workers merged, and how it goes over time."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from loadgen.analysis.validity import (
    LIVE_SUSPECT,
    SATURATED,
    SCHEDULE_LATE_SUSPECT_MS,
    of_pool,
)
from loadgen.distributed.histograms import Histograms
from loadgen.model import Cell, ClientId, Outcome
from loadgen.report.sentences.validity import reason

ROWS: Final = 3600  # of history; the oldest go first
SETTLED: Final = 2  # rows in which the number of streams asked for must stand still to be judged


@dataclass
class _Worker:
    """The last report of one worker about one cell."""

    name: str
    cell: int
    report: Mapping[str, Any] = field(default_factory=dict)
    at: float = 0.0  # when it came
    tokens_per_s: float | None = None  # since the report before
    lost: bool = False


class Live:
    """Histograms of one job. Times are seconds since it began, by this process's clock alone."""

    def __init__(self) -> None:
        self.begin(0, "", "", ())

    def begin(self, job: int, run: str, scenario: str, cells: Iterable[Cell]) -> None:
        """Begin with a new job; forget the one before."""
        self._job, self._run, self._scenario = job, run, scenario
        self._clients = {cell.index: cell.client for cell in cells}
        self._began = time.monotonic()
        self._ended: float | None = None
        self._totals: dict[int, Histograms] = {}
        self._recent: dict[int, Histograms] = {}
        self._workers: dict[tuple[str, int], _Worker] = {}
        self._history: deque[dict[str, Any]] = deque(maxlen=ROWS)
        self.notes: list[str] = []
        self.verdicts: list[dict[str, str]] = []

    def end(self) -> None:
        """The clock stands still."""
        self._ended = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the job began, until it ended."""
        return (self._ended or time.monotonic()) - self._began

    def take(self, node: str, name: str, reports: Mapping[int, Any]) -> None:
        """Add what a worker reports; see :meth:`loadgen.distributed.worker.EngineController.report`."""
        for cell, report in reports.items():
            if report["job"] != self._job or cell not in self._clients:
                continue
            worker = self._workers.setdefault((node, cell), _Worker(name, cell))
            at, tokens = self.elapsed, report["tokens"] - worker.report.get("tokens", 0)
            if at > worker.at:
                # By its own last two reports: between two of our rows there may be none, or two.
                worker.tokens_per_s = max(0.0, tokens / (at - worker.at))
                worker.at = at
            worker.report = report
            for figures in (self._totals, self._recent):
                figures.setdefault(cell, Histograms()).merge(report["histograms"])

    def ended(self, node: str, cell: int) -> int:
        """Return how many ended streams of the cell the worker has reported."""
        worker = self._workers.get((node, cell))
        return sum(worker.report["outcomes"].values()) if worker else 0

    def lose(self, node: str, cell: int) -> None:
        """Mark the worker as lost: it reports nothing more."""
        if (node, cell) in self._workers:
            self._workers[node, cell].lost = True

    def tick(self) -> None:
        """A row of history for every client: how it went since the last one."""
        at = self.elapsed
        for cell in self._cells():
            workers = self._of(cell)
            there = [worker.report for worker in workers]
            recent = self._recent.pop(cell, Histograms()).told()
            self._history.append(
                {
                    "at": round(at, 2),
                    "client": self._label(cell),
                    "asked": sum(report["requested"] for report in there),
                    "open": sum(report["open"] for report in there),
                    "tokens_per_s": _sum(worker.tokens_per_s for worker in workers),
                    **{
                        f"{name}_p{rank}": (recent[name] or {}).get(f"p{rank}")
                        for name in ("ttft", "itl", "lag")
                        for rank in (50, 99)
                    },
                    "rss_mib": _mib(_sum(report["rss_kib"] for report in there)),
                    "threads": _sum(report["threads"] for report in there),
                    "cpu_percent": _sum(report["cpu_percent"] for report in there),
                }
            )

    def snapshot(self, state: str) -> dict[str, Any]:
        """What the page shows, as plain values."""
        return {
            "run": self._run,
            "scenario": self._scenario,
            "state": state,
            "elapsed": self.elapsed,
            "clients": [self._client(cell) for cell in self._cells()],
            "workers": [
                {
                    "worker": worker.name or "this process",
                    "client": self._label(worker.cell),
                    "state": "lost" if worker.lost else state,
                    "open": 0 if worker.lost else worker.report["open"],
                    "rss_mib": _mib(worker.report["rss_kib"]),
                    "threads": worker.report["threads"],
                    "cpu_percent": worker.report["cpu_percent"],
                    "streams": sum(worker.report["outcomes"].values()),
                }
                for worker in self._workers.values()
            ],
            "validity": self.verdicts or self._validity(),
            "history": list(self._history),
            "notes": self.notes,
        }

    def clients(self) -> list[ClientId]:
        """Return the clients that something is known of."""
        return [self._clients[cell] for cell in self._cells()]

    def _cells(self) -> list[int]:
        return list(dict.fromkeys(worker.cell for worker in self._workers.values()))

    def _label(self, cell: int) -> str:
        return self._clients[cell].label

    def _of(self, cell: int) -> Sequence[_Worker]:
        return [worker for worker in self._workers.values() if worker.cell == cell and not worker.lost]

    def _rows(self, cell: int) -> list[dict[str, Any]]:
        return [row for row in self._history if row["client"] == self._label(cell)]

    def _client(self, cell: int) -> dict[str, Any]:
        rows = self._rows(cell)
        outcomes: Counter[str] = Counter()
        for worker in self._workers.values():
            if worker.cell == cell:
                outcomes.update(worker.report["outcomes"])
        ok, stopped = outcomes[Outcome.OK], outcomes[Outcome.STOPPED]
        return {
            "client": self._label(cell),
            "asked": sum(worker.report["requested"] for worker in self._of(cell)),
            "open": sum(worker.report["open"] for worker in self._of(cell)),
            "tokens_per_s": rows[-1]["tokens_per_s"] if rows else None,
            "ended": outcomes.total(),
            "ok": ok,
            "failed": outcomes.total() - ok - stopped,
            "stopped": stopped,
            **{
                name: told
                for name, told in self._totals.get(cell, Histograms()).told().items()
                if name not in ("late", "request")
            },
        }

    def _validity(self) -> list[dict[str, str]]:
        """What already speaks against the figures; the report judges the whole."""
        return [
            {"verdict": "suspect", "who": self._label(cell), "text": text}
            for cell in self._cells()
            for text in self._against(cell)
        ]

    def _against(self, cell: int) -> list[str]:
        found = []
        rows = self._rows(cell)[-SETTLED:]
        asked, least = rows[-1]["asked"] if rows else 0, min((row["open"] for row in rows), default=0)
        settled = len(rows) == SETTLED and all(row["asked"] == asked for row in rows)
        if settled and self._ended is None and max(row["open"] for row in rows) < LIVE_SUSPECT * asked:
            found.append(f"only {least:,} of the {asked:,} streams asked for are open")
        for worker in self._of(cell):
            cpu = worker.report["cpu_percent"]
            if cpu is not None and cpu > 100 * SATURATED:
                whose = f"the engine of {worker.name}" if worker.name else "the engine"
                found.append(f"{whose} used {cpu:.0f} % of a core and was saturated")
        told = self._totals.get(cell, Histograms()).told()
        late = (told["late"] or {}).get("p99")
        if late is not None and late > SCHEDULE_LATE_SUSPECT_MS:
            found.append(f"streams were started later than they were due, p99 {late:,.1f} ms")
        ttft, lag, request = (
            {rank: (told[name] or {}).get(f"p{rank}") for rank in (50, 99)}
            for name in ("ttft", "lag", "request")
        )
        # Nothing is counted against it for being young.
        reasons = of_pool(
            streams=0, included=0, ttft_ms=ttft, lag_ms=lag, send_delay_ms=request, cpu_share=None
        )
        return [*found, *map(reason, reasons)]


def _mib(kib: int | None) -> float | None:
    return None if kib is None else kib / 1024


def _sum(values: Iterable[Any]) -> Any:
    there = [value for value in values if value is not None]
    return sum(there) if there else None
