"""The figures of a run so far: a listener that counts, and a table of what can be read of it at any time.

An exporter reads :meth:`Figures.families`. Streams are counted in a thread of their own: the one
that hears of them watches the engine.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Final, Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from loadgen import __version__, store
from loadgen.analysis.measures import Measured
from loadgen.analysis.metrics import PerStream, PerToken, Scalar
from loadgen.analysis.metrics.lag import lag
from loadgen.analysis.metrics.latency import itl, total, ttft
from loadgen.model import Cell, Listener, Outcome, Progress, Recording, RecordingInfo, Scenario, Stream

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[tuple[str, str], ...]
Ints = NDArray[np.int64]

# Seconds, each 1.5 times the one before: a percentile that is read of these is right within a fifth.
BOUNDS: Final = tuple(round(0.001 * 1.5**power, 6) for power in range(32))
_BOUNDS_NS: Final = np.array(BOUNDS) * 1e9
START_DELAY: Final = PerStream(lambda m: m.streams.start - m.streams.due)
HELD: Final = PerStream(lambda m: m.streams.held_ns)


class Figure(NamedTuple):
    """One figure: its name in Prometheus (a counter's without ``_total``) and in OpenTelemetry, and what it is.

    A histogram has the ``formula`` of its times.
    """

    name: str
    otlp: str
    kind: Kind
    unit: str
    description: str
    formula: PerStream | PerToken | None = None


def _formula(of: object) -> PerStream | PerToken | None:
    formula = getattr(of, "formula", None)
    return None if isinstance(formula, Scalar) else formula


# OpenTelemetry's names are those of its semantic conventions for generative AI where these have one (gen_ai.…).
FIGURES: Final[Sequence[Figure]] = (
    Figure("loadgen_run_info", "loadgen.run.info", "gauge", "", "The run: its scenario, protocol, model and version."),
    Figure("loadgen_cell_info", "loadgen.cell.info", "gauge", "", "The measurement that is under way."),
    Figure("loadgen_cells", "loadgen.cells", "gauge", "", "Measurements that are planned."),
    Figure("loadgen_cells_done", "loadgen.cells.done", "counter", "", "Measurements that have ended."),
    Figure("loadgen_streams_started", "loadgen.streams.started", "counter", "", "Streams started."),
    Figure("loadgen_streams_ended", "loadgen.streams.ended", "counter", "", "Streams ended, by outcome."),
    Figure("loadgen_streams_failed", "loadgen.streams.failed", "counter", "", "Streams that failed."),
    Figure("loadgen_streams_good", "loadgen.streams.good", "counter", "", "Streams that held every objective (slo)."),
    Figure("loadgen_streams_in_flight", "loadgen.streams.in_flight", "gauge", "", "Streams open now."),
    Figure("loadgen_tokens", "loadgen.tokens", "counter", "", "Tokens received (events with text)."),
    Figure(
        "loadgen_offered_rate", "loadgen.offered_rate", "gauge", "",
        "Arrivals per second that are asked for, of an open load.",
    ),
    Figure(
        "loadgen_time_to_first_token_seconds", "gen_ai.client.operation.time_to_first_chunk", "histogram", "s",
        "From the start of a stream to its first token, at the client.", _formula(ttft),
    ),
    Figure(
        "loadgen_inter_token_latency_seconds", "gen_ai.client.operation.time_per_output_chunk", "histogram", "s",
        "Between two tokens of a stream, at the client.", _formula(itl),
    ),
    Figure(
        "loadgen_stream_duration_seconds", "gen_ai.client.operation.duration", "histogram", "s",
        "From the start of a stream to its end, of those that completed.", _formula(total),
    ),
    Figure(
        "loadgen_server_time_to_first_token_seconds", "gen_ai.server.time_to_first_token", "histogram", "s",
        "The server's own time to first token, where it reports one.", PerStream(lambda m: m.server_ttft),
    ),
    Figure(
        "loadgen_delivery_lag_seconds", "loadgen.delivery_lag", "histogram", "s",
        "From the server's sending of a token to its arrival, where the server's clock can be trusted.",
        _formula(lag),
    ),
    Figure(
        "loadgen_start_delay_seconds", "loadgen.start_delay", "histogram", "s",
        "From when a stream was due to its start.", START_DELAY,
    ),
    Figure(
        "loadgen_held_seconds", "loadgen.held", "histogram", "s",
        "How long an arrival of an open load waited because max_streams were open.", HELD,
    ),
)  # fmt: skip
NAMED: Final[Mapping[str, Figure]] = {figure.name: figure for figure in FIGURES}


@dataclass(slots=True)
class Distribution:
    """How many values lie in each bucket of :data:`BOUNDS`, the last one above all; sum, least and most in seconds."""

    counts: Ints
    sum: float = 0.0
    least: float = math.inf
    most: float = 0.0

    def add(self, values: Ints) -> None:
        """Count values in nanoseconds; negative ones are 0, since two clocks are never quite the same."""
        kept = np.maximum(values, 0)
        places = np.searchsorted(_BOUNDS_NS, kept, side="left")
        self.counts += np.bincount(places, minlength=len(BOUNDS) + 1)
        self.sum += float(kept.sum()) / 1e9
        self.least = min(self.least, float(kept.min()) / 1e9)
        self.most = max(self.most, float(kept.max()) / 1e9)


class Family(NamedTuple):
    """A figure with its values, by labels."""

    figure: Figure
    points: Sequence[tuple[Mapping[str, str], float | Distribution]]


class Exporter(Protocol):
    """Shows figures to the outside; ``close`` shows them a last time, and is soon done."""

    def close(self) -> None: ...


class Figures(Listener):
    """Counts what it hears, by client and level. Everything is read through :meth:`families`, from any thread."""

    def __init__(self, scenario: Scenario) -> None:
        """Count for ``scenario``, which is without its secrets."""
        self.scenario = scenario
        self.began_ns = 0
        self._lock = threading.Lock()
        self._values: dict[str, Counter[Labels]] = {
            f.name: Counter() for f in FIGURES if f.kind != "histogram"
        }
        self._times: dict[str, dict[Labels, Distribution]] = {
            f.name: {} for f in FIGURES if f.kind == "histogram"
        }
        target, workload = scenario.target, scenario.workload
        about = {
            "scenario": scenario.name,
            "model": workload.model,
            "protocol": workload.protocol,
            "target": urlsplit(target.url).netloc if target.url else "simulator",
            "version": __version__,
        }
        self._values["loadgen_run_info"][tuple(about.items())] = 1
        self._of: Labels = ()  # of the cell that is under way
        self._before: Mapping[str, int] = {}  # counters of the level when the cell began
        self._heard: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._counting = threading.Thread(target=self._count, daemon=True)
        self._counting.start()

    # -- what is heard

    def begin(self, cells: Sequence[Cell], seconds: Sequence[float]) -> None:  # noqa: ARG002
        self._set("loadgen_cells", (), len(cells))

    def cell_begins(self, cell: Cell) -> None:
        self._of = of = labels(cell)
        own = {"cell": str(cell.index), "repeat": str(cell.repeat + 1), "attempt": str(cell.attempt)}
        with self._lock:
            self._values["loadgen_cell_info"].clear()
            self._values["loadgen_cell_info"][(*of, *own.items())] = 1
            self._values["loadgen_offered_rate"].clear()
            if cell.level.rate is not None:
                self._values["loadgen_offered_rate"][of] = cell.level.rate  # type: ignore[assignment]
            self._before = {
                name: self._values[name][of] for name in ("loadgen_streams_started", "loadgen_tokens")
            }

    def ended(self, streams: Sequence[Stream], of: Callable[[], RecordingInfo]) -> None:
        recording = store.filled(of(), streams, ())
        self._heard.put(lambda labels=self._of: self._add(labels, recording))  # type: ignore[misc]

    def progress(self, progress: Progress) -> None:
        self._state(progress.open, progress.open + progress.ended, progress.tokens)

    def cell_ends(self, parts: Sequence[Recording]) -> None:
        streams = sum(len(part.streams) for part in parts)
        self._state(0, streams, sum(int(part.streams.text_events.sum()) for part in parts))
        with self._lock:
            self._values["loadgen_cells_done"][()] += 1
            self._values["loadgen_cell_info"].clear()
            self._values["loadgen_offered_rate"].clear()

    def _state(self, streams_open: int, started: int, tokens: int) -> None:
        of, now = self._of, {"loadgen_streams_started": started, "loadgen_tokens": tokens}
        with self._lock:
            self._values["loadgen_streams_in_flight"][of] = streams_open
            for name, value in now.items():  # a counter never goes back
                self._values[name][of] = max(self._values[name][of], self._before.get(name, 0) + value)

    def _set(self, name: str, of: Labels, value: int) -> None:
        with self._lock:
            self._values[name][of] = value

    # -- what is counted, in the thread

    def _count(self) -> None:
        while (add := self._heard.get()) is not None:
            add()

    def _add(self, of: Labels, recording: Recording) -> None:
        measured = Measured(recording)
        times = {
            figure.name: figure.formula.times(measured).values
            for figure in FIGURES
            if figure.formula is not None
        }
        outcomes = Counter(measured.outcome.tolist())
        good = int((measured.judged.good & measured.after_warmup).sum()) if measured.judged else None
        with self._lock:
            for outcome, number in outcomes.items():
                self._values["loadgen_streams_ended"][(*of, ("outcome", outcome))] += number
                is_failure = outcome not in (Outcome.OK, Outcome.STOPPED)
                self._values["loadgen_streams_failed"][of] += number * is_failure
            if good is not None:
                self._values["loadgen_streams_good"][of] += good
            for name, values in times.items():
                if len(values):
                    empty = Distribution(np.zeros(len(BOUNDS) + 1, dtype=np.int64))
                    self._times[name].setdefault(of, empty).add(values)

    def close(self) -> None:
        """Count what was heard, to the end."""
        self._heard.put(None)
        self._counting.join()

    # -- what is read

    def families(self) -> Iterator[Family]:
        """Yield every figure that has a value, with a copy of its values."""
        with self._lock:
            values = {name: dict(of) for name, of in self._values.items()}
            times = {
                name: {key: replace(d, counts=d.counts.copy()) for key, d in of.items()}
                for name, of in self._times.items()
            }
        for figure in FIGURES:
            found: Mapping[Labels, float | Distribution] = (
                times[figure.name] if figure.kind == "histogram" else values[figure.name]
            )
            if found:
                yield Family(figure, [(dict(key), value) for key, value in found.items()])


def labels(cell: Cell) -> Labels:
    """Return the labels of a client at a level: ``concurrency`` or ``rate``."""
    name = "concurrency" if cell.level.rate is None else "rate"
    return ("client", cell.client.label), (name, f"{cell.level.value:g}")
