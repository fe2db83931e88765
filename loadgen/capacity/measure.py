"""Run a search: measure its cells, one at a time, into a run folder like that of ``loadgen run``."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from loadgen import files, proc
from loadgen.analysis.repeats import Repeat, repeats_of
from loadgen.capacity import objectives, readings
from loadgen.capacity.curves import Crossing, crossings
from loadgen.capacity.loads import Goal, Loads, rules_of_rates, rules_of_streams
from loadgen.capacity.objectives import ServerObjectives
from loadgen.capacity.readings import OVERLOAD, Budget, Reading, ServerCore, ttft_p50_ms
from loadgen.capacity.search import Capacity, Rules, Search, SearchListener, search
from loadgen.capacity.server import limited_by, saturation
from loadgen.exit_code import ExitCode
from loadgen.lab import plan
from loadgen.lab.lifecycle import RunResult
from loadgen.lab.run import Session, cores_of, session
from loadgen.model import (
    AUTO,
    Cell,
    ClientId,
    Level,
    Limit,
    Listener,
    Load,
    Progress,
    Recording,
    RunInfo,
    Saturates,
    Scenario,
    WarmUp,
)
from loadgen.preflight import os_limits
from loadgen.preflight.cores import Cores, most_engines
from loadgen.preflight.requirements import require
from loadgen.report.sentences.warm_up import saw

FILE: Final = "limit.json"  # in the run folder
ALONE: Final = Load(requests=8)  # one after the other, in each of two cells, for the TTFT of one stream
MAX_DURATIONS: Final = 2.0  # durations of a stream after which those still open are ended


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult(RunResult):
    """The capacity of every client, and every step. ``failure`` is empty when the search could be finished.

    ``ttft_one_stream_ms`` is the median TTFT of one stream, in ms, where the budget needs it. ``info`` is run.json.
    With objectives, ``limited_by`` says whose limit was found with each client, ``saturates`` where the server does.
    """

    info: RunInfo
    goal: Goal
    cores: int
    rules: Rules
    ttft_one_stream_ms: Mapping[ClientId, float]
    clients: Sequence[Capacity]
    crossings: Sequence[Crossing]
    steps: Sequence[Reading]
    limited_by: Mapping[ClientId, Limit] = field(default_factory=dict)
    saturates: Sequence[Saturates] = ()

    @property
    def verdict(self) -> ExitCode:
        """Return NOT_MEASURED where what was searched for, a client or the server, did not stop the search."""
        found = [each.stopped in ("budget", "highest") for each in self.clients]
        if isinstance(self.goal, ServerObjectives):
            own = [self.limited_by.get(each.client) is not Limit.CLIENT for each in self.clients]
            return ExitCode.DONE if any(map(all, zip(found, own, strict=True))) else ExitCode.NOT_MEASURED
        return ExitCode.DONE if all(found) else ExitCode.NOT_MEASURED

    def as_dict(self) -> dict[str, Any]:
        """Return the search as plain data, as ``limit.json`` and ``--json`` have it: clients are labels."""
        return {
            key: value for key, value in _plain(self).items() if key not in (*RunResult.__slots__, "info")
        }


def _plain(value: Any) -> Any:
    if isinstance(value, ClientId):
        return value.label
    if isinstance(value, Level):
        return value.value
    if isinstance(value, ServerObjectives):
        value = value.thresholds
    if is_dataclass(value):
        named = {field.name: getattr(value, field.name) for field in fields(value)}
        return {_key(name, each): _plain(each) for name, each in named.items()}
    if isinstance(value, Mapping):
        return {_plain(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _key(name: str, value: Any) -> str:
    """Return the key of a field: that of a level, or of what is searched for, says which it is."""
    if isinstance(value, Level) and name == "level":
        return "streams" if value.rate is None else "rate"
    return {Budget: "budget", ServerObjectives: "objectives"}.get(type(value), name)


def find_limits(
    scenario: Scenario,
    goal: Goal,
    listener: SearchListener,
    *,
    folder: Path | None = None,
    precision: float = 0.05,
    window: float | None = None,
    highest: float | None = None,
    rate: bool = False,
) -> SearchResult:
    """Search for the highest level that each of the scenario's clients carries, on its engines: all that have a core
    where they are ``auto``.

    Levels are streams, or arrivals per second where ``rate``; ``highest`` is the upper bound. ``window`` is the
    measured part of a step, in seconds. Raises what :func:`loadgen.lab.run.run` raises.
    """
    engines = most_engines() if scenario.engines == AUTO else scenario.engines
    scenario, where = replace(scenario, engines=engines), cores_of(scenario, engines)
    fit = os_limits.most(scenario.clients, engines)
    if rate:
        rules = rules_of_rates(scenario, goal, highest, precision)
    else:
        rules = rules_of_streams(scenario, goal, highest or fit, precision)
    loads = Loads(scenario, goal, rules, window, fit)
    first = rules.level(rules.start)
    most = 0 if rate or rules.highest <= fit else int(rules.highest)
    streams = most or first.streams or plan.max_streams(loads.first, first, fit)
    require(scenario.clients, streams, engines, simulated=scenario.target.simulator is not None)
    # run.json holds the load of the steps, in place of the scenario's own.
    workload = replace(scenario.workload, load=loads.first)
    measured = replace(scenario, levels=(first,), workload=workload)
    searches = [Search(client, rules) for client in scenario.clients]
    steps = _Steps(measured, goal, rules, loads, listener, where, engines)
    with session(
        measured,
        steps,
        where,
        folder=folder,
        folder_name=f"limit-{scenario.name}",
        planned=False,
    ) as running:
        steps.running = running
        loads.stream_s = loads.stream_s or running.answer_s or None
        if isinstance(goal, Budget) and goal.ttft is not None:
            steps.measure_one_stream()
        search(searches, scenario.seed, steps.measure, listener.step_ends, running.interrupted)
    ran = running.writer.result
    result = SearchResult(
        folder=ran.folder,
        interrupted=ran.interrupted,
        failure=ran.failure,
        info=running.writer.info,
        goal=goal,
        cores=engines,
        rules=rules,
        ttft_one_stream_ms=steps.one_stream_ms,
        clients=[each.result() for each in searches],
        crossings=crossings({each.client: each.readings for each in searches}, scenario.seed),
        steps=[reading for each in searches for reading in each.readings],
    )
    if isinstance(goal, ServerObjectives):
        result = with_server(result)
    try:
        with files.atomic_write(result.folder / FILE) as file:
            file.write((json.dumps(result.as_dict(), indent=2) + "\n").encode())
    except OSError as error:
        return replace(result, failure=result.failure or str(error))
    return result


def with_server(found: SearchResult) -> SearchResult:
    """Return the result with whose limit was found, and where the server saturates."""
    by = {each.client: limited_by(each, found.steps) for each in found.clients}
    knees = (saturation(client, found.steps) for client in by)
    return replace(
        found,
        limited_by={client: limit for client, limit in by.items() if limit},
        saturates=[knee for knee in knees if knee],
    )


class _Steps(Listener):
    """The cells of a search. Observes how long each runs, and what the simulator's core does in its window."""

    running: Session

    def __init__(
        self,
        scenario: Scenario,
        goal: Goal,
        rules: Rules,
        loads: Loads,
        listener: SearchListener,
        cores: Cores,
        engines: int,
    ) -> None:
        self._scenario, self._goal, self._rules, self._loads = scenario, goal, rules, loads
        self._listener, self._cores, self._engines = listener, cores, engines
        self._index = 0
        self.one_stream_ms: dict[ClientId, float] = {}

    def measure_one_stream(self) -> None:
        """Measure the TTFT of every client with one stream."""
        for client in self._scenario.clients:
            cells = (
                self._run(client, Level(streams=1), repeat, ALONE)
                for repeat in range(2)
                if not self.running.interrupted()
            )
            found = [each for each in map(ttft_p50_ms, cells) if each is not None]
            if found:
                self.one_stream_ms[client] = fmean(found)

    def measure(self, client: ClientId, value: float, repeat: int) -> Reading:
        """Run one cell and return its reading."""
        measured = self._run(client, self._rules.level(value), repeat, self._loads.at(value))
        if isinstance(self._goal, ServerObjectives):
            reading = objectives.read(measured, self._goal, core=self._core(), cut=self._cut)
        else:
            one_ms = self.one_stream_ms.get(client)
            reading = readings.read(
                measured, self._goal, ttft_one_ms=one_ms, core=self._core(), cut=self._cut
            )
        self._loads.learn(value, measured, reading.verdict == "within")
        return reading

    def _run(self, client: ClientId, level: Level, repeat: int, load: Load) -> Repeat:
        self._listener.step_begins(client, level)
        self._load, self._elapsed = load, 0.0
        self._seen: list[tuple[int, int, int]] = []
        self._index += 1
        planned = next(cell for cell in self.running.cells if cell.client == client)
        workload = replace(planned.workload, load=load)
        cell = replace(planned, index=self._index, level=level, repeat=repeat, workload=workload)
        cell = plan.shared(cell, self._engines, self._cores.engine)
        parts = self.running.record(cell, lambda: self.running.interrupted() or self._too_long())
        self._cut = self._too_long() and not self.running.interrupted()
        if self._cut:
            parts = [_with_window(part, load) for part in parts]
        (measured,) = repeats_of(self.running.writer.save(cell, parts, cut=self._cut))
        return measured

    def _too_long(self) -> bool:
        """Return whether the streams of the cell go on for too long."""
        if self._load.duration is None or self._loads.longest_s is None:
            return False
        longest = self._goal.longest_s if isinstance(self._goal, ServerObjectives) else 0.0
        return (
            self._elapsed
            > self._load.duration + 1 + MAX_DURATIONS * self._loads.longest_s + OVERLOAD * longest
        )

    def warmed_up(self, seen: WarmUp, _: Sequence[Cell]) -> None:
        self._listener.note(saw(seen))

    def note(self, text: str) -> None:
        self._listener.note(text)

    def interrupted(self) -> None:
        self._listener.interrupted()

    def progress(self, progress: Progress) -> None:
        self._elapsed = progress.elapsed
        inside = self._load.warmup <= progress.elapsed <= (self._load.duration or 0.0)
        embedded, cores = self.running.embedded, self._cores.simulator
        if not (embedded and cores and inside):
            return
        busy, simulator = proc.busy_ns(cores), proc.sample(embedded.process.pid)
        if busy is not None and simulator.cpu_ns is not None:
            self._seen.append((simulator.at, sum(busy), simulator.cpu_ns + time.process_time_ns()))

    def _core(self) -> ServerCore | None:
        """Return the use of the simulator's core; ``None`` where it was not observed twice."""
        if len(self._seen) < 2:
            return None
        window, busy, own = (last - first for first, last in zip(self._seen[0], self._seen[-1], strict=True))
        return ServerCore(busy / window, max(0.0, (busy - own) / window))


def _with_window(part: Recording, load: Load) -> Recording:
    """Return the recording of an engine that was ended early, with the planned window."""
    begin, end = (part.start + int(seconds * 1e9) for seconds in (load.warmup, load.duration or 0.0))
    ended = part.ended and "its streams went on for too long, and were ended"
    return replace(part, window=(begin, end), ended=ended)
