"""Measures the steps of a search, a cell at a time, into a run folder as a run leaves it."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Final, Protocol

from loadgen import files, proc
from loadgen.analysis.crossover import Crossing, crossings
from loadgen.analysis.repeats import Repeat, repeats_of
from loadgen.analysis.steps import Budget, Reading, ServerCore, read, ttft_p50_ms
from loadgen.lab import cell as lab_cell
from loadgen.lab import plan
from loadgen.lab.lifecycle import RunResult
from loadgen.lab.limit import Rules, Search, search
from loadgen.lab.listener import Listener, Progress, Silent
from loadgen.lab.session import Session, one_engine, session
from loadgen.model import Cell, ClientId, Level, Load, Recording, Scenario, ServerLog
from loadgen.preflight import os_limits
from loadgen.preflight.cores import Cores, available
from loadgen.preflight.cores import cores as cores_of
from loadgen.preflight.requirements import Refused, require

FILE: Final = "limit.json"
RAMP: Final = 1.5  # seconds in which the streams of a step start
WINDOW: Final = 3.0  # seconds of a step that count, on the simulator
WINDOW_ELSEWHERE: Final = 10.0
TOKENS: Final = 150  # that the smallest step is to give: a p99 needs a hundred
ALONE: Final = 8  # streams one after the other, twice, that tell the TTFT of one stream
PATIENCE: Final = 2.0  # times what a stream takes: what is open then is ended
MOST: Final = 1 << 16
MEMORY_KIB: Final = 256  # per stream, for engine and simulator together: no client was seen to need as much


class Watcher(Protocol):
    """Hears how a search goes; must return at once."""

    def begins(self, client: str, streams: int) -> None:
        """A cell starts."""
        ...

    def heard(self, reading: Reading) -> None:
        """It has been read."""
        ...

    def note(self, text: str) -> None:
        """Something that the user must know."""
        ...


@dataclass(frozen=True, slots=True)
class Searched:
    """Where the cells lie, what was found, and how it ended; ``failure`` is empty when nothing stood in the way."""

    folder: Path
    searches: Sequence[Search]
    crossings: Sequence[Crossing]
    interrupted: bool
    failure: str
    told: dict[str, Any]  # limit.json


def find(
    scenario: Scenario,
    budget: Budget,
    watcher: Watcher,
    *,
    folder: Path | None = None,
    precision: float = 0.10,
    window: float | None = None,
    most: int | None = None,
    cores: int = 1,
) -> Searched:
    """Search for the most streams that each of the scenario's clients carries, on so many ``cores`` each.

    ``window`` is the seconds of a step that count. Raises what :func:`loadgen.lab.run.run` raises.
    """
    where = _cores(cores)
    start = max(8, min(level.streams or 1 for level in scenario.levels))
    fits = _fits(scenario)
    most = fits if most is None else most
    require(scenario.clients, min(start, most) if most <= fits else most)
    load = _load(scenario, min(start, most), window)
    rules = Rules(start=start, most=most, precision=precision)
    # what run.json holds: the load of the steps, in place of the scenario's own
    measured = replace(scenario, workload=replace(scenario.workload, load=load))
    watch = _Watch(watcher, where.simulator if scenario.target.simulator else ())
    with session(
        measured,
        watch,
        where,
        folder=folder,
        folder_name=f"limit-{scenario.name}",
        planned=False,
        record=one_engine if len(where.engine) < 2 else several,
    ) as running:
        lab = _Lab(scenario, load, budget, watcher, watch, where, running)
        searches = [Search(client.label, rules) for client in scenario.clients]
        known = {client.label: client for client in scenario.clients}

        def measure(label: str, streams: int, repeat: int) -> Reading:
            return lab.step(known[label], streams, repeat)

        lab.alone()
        search(searches, scenario.seed, measure, heard=watcher.heard, interrupted=running.interrupted)
    return _searched(running.result, lab, searches, rules, cores)


def _searched(ran: RunResult, lab: _Lab, searches: list[Search], rules: Rules, cores: int) -> Searched:
    found = crossings({each.client: each.readings for each in searches}, lab.scenario.seed)
    told = finite(
        {
            "budget": asdict(lab.budget),
            "cores": cores,
            "rules": asdict(rules),
            "ttft_one_stream_ms": lab.one_ms,
            "clients": [asdict(each.found()) for each in searches],
            "crossings": [asdict(crossing) for crossing in found],
            "steps": [asdict(reading) for each in searches for reading in each.readings],
        }
    )
    failure = ran.failure
    try:
        with files.atomic_write(ran.folder / FILE) as file:
            file.write((json.dumps(told, indent=2) + "\n").encode())
    except OSError as error:
        failure = failure or str(error)
    return Searched(ran.folder, searches, found, ran.interrupted, failure, told)


def finite(value: Any) -> Any:
    """The value as JSON has it: no number that is not one."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class _Watch(Silent):
    """Listens to one cell: how long it runs, and what the simulator's core does in its window."""

    def __init__(self, watcher: Watcher, cores: Sequence[int]) -> None:
        self._watcher = watcher
        self._cores = cores
        self._load = Load()
        self._pid: int | None = None
        self.elapsed = 0.0
        self._seen: list[tuple[int, int, int]] = []

    def start(self, cell: Cell, pid: int | None) -> None:
        """The cell that begins, and the simulator's process."""
        self._load, self._pid = cell.workload.load, pid
        self.elapsed, self._seen = 0.0, []

    def progress(self, progress: Progress) -> None:
        self.elapsed = progress.elapsed
        inside = self._load.warmup <= progress.elapsed <= (self._load.duration or 0.0)
        if not (self._cores and self._pid and inside):
            return
        busy, simulator = proc.busy_ns(self._cores), proc.sample(self._pid)
        if busy is not None and simulator.cpu_ns is not None:
            ours = simulator.cpu_ns + time.process_time_ns()
            self._seen.append((simulator.at, sum(busy), ours))

    def note(self, text: str) -> None:
        self._watcher.note(text)

    @property
    def core(self) -> ServerCore | None:
        """Of the simulator; None where it was not looked at twice."""
        if len(self._seen) < 2:
            return None
        (begin, before, ours), (end, after, ours_after) = self._seen[0], self._seen[-1]
        window, busy = end - begin, after - before
        return ServerCore(busy / window, max(0.0, (busy - (ours_after - ours)) / window))


class _Lab:
    """Runs cells of one scenario in one folder."""

    def __init__(
        self,
        scenario: Scenario,
        load: Load,
        budget: Budget,
        watcher: Watcher,
        watch: _Watch,
        cores: Cores,
        running: Session,
    ) -> None:
        self.scenario = scenario
        self.budget = budget
        self.watcher = watcher
        self.one_ms: dict[str, float] = {}
        self.watch = watch
        self._load = load
        self._cores = cores
        self._running = running
        self._index = 0
        self._stream_s = _one(scenario)

    def alone(self) -> None:
        """Let every client have one stream, if a budget is held against that."""
        if self.budget.ttft is None:
            return
        load = Load(requests=ALONE)
        for client in self.scenario.clients:
            found = []
            for repeat in range(2):
                if self._running.interrupted():
                    return
                self.watcher.begins(client.label, 1)
                found.append(ttft_p50_ms(self._run(self.cell(client, 1, repeat, load))))
            there = [each for each in found if each is not None]
            if there:
                self.one_ms[client.label] = fmean(there)

    def step(self, client: ClientId, streams: int, repeat: int) -> Reading:
        """Run one cell and read it."""
        self.watcher.begins(client.label, streams)
        repeats = self._run(self.cell(client, streams, repeat, self._load))
        reading = read(
            repeats,
            self.budget,
            ttft_one_ms=self.one_ms.get(client.label),
            core=self.watch.core,
            cut=self._cut,
        )
        if self._stream_s is None and reading.verdict == "within":
            self._stream_s = max(float(m.total.max(initial=0)) / 1e9 for m in repeats.parts)
        return reading

    def cell(self, client: ClientId, streams: int, repeat: int, load: Load) -> Cell:
        """A cell as a run of the scenario plans it, but for its load."""
        one = replace(
            self.scenario,
            clients=(client,),
            levels=(Level(streams=streams),),
            repeats=1,
            workload=replace(self.scenario.workload, load=load),
        )
        (cell,) = plan.cells(one, self._running.url, self._cores.engine)
        return replace(cell, index=self._index, repeat=repeat)

    def _run(self, cell: Cell) -> Repeat:
        self._index += 1
        cell = self._running.ready(replace(cell, index=self._index))
        self.watch.start(cell, self._running.simulator_pid)
        self._cut = False
        parts = self._running.record(cell, lambda: self._over(cell))
        (repeat,) = repeats_of(self._running.save(cell, [self._whole(cell, part) for part in parts]))
        return repeat

    def _over(self, cell: Cell) -> bool:
        """Whether the cell is to end now: somebody wants it to, or its streams go on for too long."""
        if self._running.interrupted():
            return True
        if cell.workload.load.duration is not None and self._stream_s is not None:
            self._cut = self.watch.elapsed > cell.workload.load.duration + 1 + PATIENCE * self._stream_s
        return self._cut

    def _whole(self, cell: Cell, part: Recording) -> Recording:
        """A cell that was cut has the window that it was to have."""
        if not (self._cut and part.ended):
            return part
        load = cell.workload.load
        begin, end = (part.start + int(seconds * 1e9) for seconds in (load.warmup, load.duration or 0.0))
        return replace(part, window=(begin, end), ended="its streams went on for too long, and were ended")


def several(
    cell: Cell,
    listener: Listener,
    interrupted: Callable[[], bool],
    server: Callable[[], ServerLog | None],
) -> Sequence[Recording]:
    """Run a cell by one engine on each of its cores, slots dealt in turn."""
    number = len(cell.cores)
    shares = [
        (core, tuple(range(place, cell.max_streams, number)))
        for place, core in enumerate(cell.cores[: cell.max_streams])
    ]
    with ThreadPoolExecutor(len(shares)) as pool:
        running = [
            pool.submit(
                lab_cell.record,
                replace(cell, cores=(core,), slots=slots),
                Silent() if place else listener,
                interrupted,
                lambda: None,
            )
            for place, (core, slots) in enumerate(shares)
        ]
        parts = [future.result() for future in running]
    told = server()
    return [
        replace(part, worker=f"core-{core}", share=len(slots), server=None if place else told)
        for place, (part, (core, slots)) in enumerate(zip(parts, shares, strict=True))
    ]


def _cores(number: int) -> Cores:
    """The lab's plan with so many cores for engines. Raises Refused where there are not so many."""
    if number == 1:
        return cores_of()
    known = available()
    if len(known) < number + 1:
        raise Refused(
            f"--cores {number} needs {number + 1} cores, one of them for the simulator; this machine has {len(known)}"
        )
    return Cores(tuple(known[-number:]), (known[0],), tuple(known[1:-number] or known[:1]))


def _fits(scenario: Scenario) -> int:
    """The most streams that open files, ports, threads and memory allow."""
    each = os_limits.needs(scenario.clients)
    low, high = 1, MOST
    while low < high:
        middle = (low + high + 1) // 2
        if all(limit.ok for limit in os_limits.limits(middle, each) if limit.fatal):
            low = middle
        else:
            high = middle - 1
    return max(1, min(low, (_available_kib() or MOST * MEMORY_KIB) // MEMORY_KIB))


def _available_kib() -> int | None:
    try:
        found = re.search(r"MemAvailable:\s*(\d+)", Path("/proc/meminfo").read_text())
    except OSError:
        return None
    return int(found[1]) if found else None


def _one(scenario: Scenario) -> float | None:
    """Seconds that a stream takes, where that is known beforehand."""
    simulator = scenario.target.simulator
    return simulator.ttft + simulator.gap * simulator.tokens if simulator else None


def _load(scenario: Scenario, start: int, window: float | None) -> Load:
    """A ramp, which does not count, and a window in which the smallest step gives enough tokens."""
    one, simulator = _one(scenario), scenario.target.simulator
    if window is None:
        window = WINDOW_ELSEWHERE
        if one is not None and simulator is not None:
            window = max(WINDOW, one, TOKENS * one / max(1, simulator.tokens * start))
    return Load(duration=RAMP + window, ramp=RAMP, warmup=RAMP)
