"""Run a search: measure its cells, one at a time, into a run folder like that of ``loadgen run``."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Final

from loadgen.analysis.repeats import Repeat, repeats_of
from loadgen.capacity.curves import crossings
from loadgen.capacity.engines import one_engine_per_core, split_cores
from loadgen.capacity.observer import CellObserver, SearchListener
from loadgen.capacity.readings import Budget, Reading, read, ttft_p50_ms
from loadgen.capacity.result import SearchResult
from loadgen.capacity.search import Rules, Search, search
from loadgen.lab import plan
from loadgen.lab.environment import first_match
from loadgen.lab.session import Session, one_engine, session
from loadgen.model import Cell, ClientId, Level, Load, Recording, Scenario
from loadgen.preflight import os_limits
from loadgen.preflight.cores import Cores
from loadgen.preflight.requirements import require

RAMP_S: Final = 1.5  # in which the streams of a step start
WINDOW_S: Final = 3.0  # measured part of a step on the simulator,
WINDOW_ELSEWHERE_S: Final = 10.0  # and elsewhere
MIN_TOKENS: Final = 150  # in the window of the smallest step: a p99 needs a hundred
ALONE_REQUESTS: Final = 8  # streams one after the other, in each of two cells, for the TTFT of one stream
MAX_DURATIONS: Final = 2.0  # durations of a stream after which those still open are ended
MAX_STREAMS: Final = 1 << 16
MEMORY_KIB: Final = 256  # per stream, engine and simulator together; no client was seen to need as much


def find_limits(
    scenario: Scenario,
    budget: Budget,
    listener: SearchListener,
    *,
    folder: Path | None = None,
    precision: float = 0.10,
    window: float | None = None,
    max_streams: int | None = None,
    cores: int = 1,
) -> SearchResult:
    """Search for the most streams that each of the scenario's clients carries, on ``cores`` each.

    ``window`` is the measured part of a step, in seconds. Raises what :func:`loadgen.lab.run.run` raises.
    """
    where = split_cores(cores)
    start = max(8, min(level.streams or 1 for level in scenario.levels))
    fit = _streams_that_fit(scenario)
    most = fit if max_streams is None else max_streams
    require(scenario.clients, min(start, most) if most <= fit else most)
    load = _load(scenario, min(start, most), window)
    rules = Rules(start=start, max_streams=most, precision=precision)
    # run.json holds the load of the steps, in place of the scenario's own.
    measured = replace(scenario, workload=replace(scenario.workload, load=load))
    observer = CellObserver(listener.note, where.simulator if scenario.target.simulator else ())
    searches = [Search(client, rules) for client in scenario.clients]
    with session(
        measured,
        observer,
        where,
        folder=folder,
        folder_name=f"limit-{scenario.name}",
        planned=False,
        record=one_engine if len(where.engine) < 2 else one_engine_per_core,
    ) as running:
        steps = _Steps(measured, budget, listener, observer, where, running)
        if budget.ttft is not None:
            steps.measure_one_stream()
        search(searches, scenario.seed, steps.measure, listener.step_ends, running.interrupted)
    ran = running.writer.result
    result = SearchResult(
        folder=ran.folder,
        interrupted=ran.interrupted,
        failure=ran.failure,
        budget=budget,
        cores=cores,
        rules=rules,
        one_stream_ms=steps.one_stream_ms,
        capacities=[each.result() for each in searches],
        crossings=crossings({each.client: each.readings for each in searches}, scenario.seed),
        readings=[reading for each in searches for reading in each.readings],
    )
    try:
        result.write()
    except OSError as error:
        return replace(result, failure=result.failure or str(error))
    return result


@dataclass
class _Steps:
    """The cells of a search."""

    scenario: Scenario
    budget: Budget
    listener: SearchListener
    observer: CellObserver
    cores: Cores
    running: Session
    one_stream_ms: dict[ClientId, float] = field(default_factory=dict)
    index: int = 0
    cut: bool = False

    def __post_init__(self) -> None:
        simulator = self.scenario.target.simulator
        self.stream_s = simulator.stream_s if simulator else None

    def measure_one_stream(self) -> None:
        """Measure the TTFT of every client with one stream."""
        for client in self.scenario.clients:
            found = []
            for repeat in range(2):
                if self.running.interrupted():
                    return
                found.append(ttft_p50_ms(self._run(client, 1, repeat, Load(requests=ALONE_REQUESTS))))
            values = [each for each in found if each is not None]
            if values:
                self.one_stream_ms[client] = fmean(values)

    def measure(self, client: ClientId, streams: int, repeat: int) -> Reading:
        """Run one cell and return its reading."""
        measured = self._run(client, streams, repeat, self.scenario.workload.load)
        one_ms = self.one_stream_ms.get(client)
        reading = read(measured, self.budget, ttft_one_ms=one_ms, core=self.observer.core, cut=self.cut)
        if self.stream_s is None and reading.verdict == "within":
            self.stream_s = max(float(m.total.max(initial=0)) / 1e9 for m in measured.parts)
        return reading

    def _run(self, client: ClientId, streams: int, repeat: int, load: Load) -> Repeat:
        self.listener.step_begins(client, streams)
        self.index += 1
        cell = self.running.ready(self._cell(client, streams, repeat, load))
        embedded = self.running.embedded
        self.observer.observe(cell, embedded.pid if embedded else None)
        self.cut = False
        parts = self.running.record(cell, lambda: self._stop(cell))
        parts = [self._with_window(cell, part) for part in parts]
        (measured,) = repeats_of(self.running.writer.save(cell, parts))
        return measured

    def _cell(self, client: ClientId, streams: int, repeat: int, load: Load) -> Cell:
        """Return a cell as a run of the scenario plans it, with another load."""
        scenario = replace(
            self.scenario,
            clients=(client,),
            levels=(Level(streams=streams),),
            repeats=1,
            workload=replace(self.scenario.workload, load=load),
        )
        (cell,) = plan.cells(scenario, self.running.url, self.cores.engine)
        return replace(cell, index=self.index, repeat=repeat)

    def _stop(self, cell: Cell) -> bool:
        """Return whether to end the cell now: it was interrupted, or its streams go on for too long."""
        if self.running.interrupted():
            return True
        if cell.workload.load.duration is not None and self.stream_s is not None:
            longest = cell.workload.load.duration + 1 + MAX_DURATIONS * self.stream_s
            self.cut = self.observer.elapsed > longest
        return self.cut

    def _with_window(self, cell: Cell, part: Recording) -> Recording:
        """Return the recording with the planned window, where the cell was cut."""
        if not (self.cut and part.ended):
            return part
        load = cell.workload.load
        begin, end = (part.start + int(seconds * 1e9) for seconds in (load.warmup, load.duration or 0.0))
        return replace(part, window=(begin, end), ended="its streams went on for too long, and were ended")


def _streams_that_fit(scenario: Scenario) -> int:
    """Return the most streams that open files, ports, threads and memory allow."""
    each = os_limits.needs(scenario.clients)

    def exceeds(streams: int) -> bool:
        return any(limit.fatal and not limit.ok for limit in os_limits.limits(streams, each))

    allowed = bisect_left(range(1, MAX_STREAMS + 1), True, key=exceeds)
    kib = first_match("/proc/meminfo", r"MemAvailable:\s*(\d+)")
    return max(1, min(allowed, int(kib) // MEMORY_KIB if kib else MAX_STREAMS))


def _load(scenario: Scenario, start: int, window: float | None) -> Load:
    """Return a ramp, which is not measured, and a window in which the smallest step has enough tokens."""
    simulator = scenario.target.simulator
    if window is None and simulator is not None:
        enough = MIN_TOKENS * simulator.stream_s / max(1, simulator.tokens * start)
        window = max(WINDOW_S, simulator.stream_s, enough)
    elif window is None:
        window = WINDOW_ELSEWHERE_S
    return Load(duration=RAMP_S + window, ramp=RAMP_S, warmup=RAMP_S)
