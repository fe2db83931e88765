"""Run a scenario: every cell in the planned order, each saved as it ends.

:func:`session` is the context of a run, for all commands that measure cell by cell: a plain run, and a search for a
limit.
"""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Final, Self

from loadgen import processes
from loadgen.engine.system import raise_open_files
from loadgen.exit_code import end_signals
from loadgen.lab import engine, engines, plan, watching
from loadgen.lab.engine import INTERRUPTED
from loadgen.lab.fastest import require_rate
from loadgen.lab.lifecycle import RunResult, RunWriter, described
from loadgen.lab.resume import Resumed, Task
from loadgen.lab.spool import Keep
from loadgen.lab.stopping import StopRules
from loadgen.lab.target import check, in_memory, residency, warm_up, with_model
from loadgen.model import (
    AUTO,
    Calibration,
    Cell,
    Level,
    Listener,
    Prediction,
    Recording,
    Scenario,
    ServerLog,
    Simulator,
)
from loadgen.model.progress import Listeners
from loadgen.preflight.cores import Cores, cores, most_engines, pinned
from loadgen.preflight.cores import require as require_cores
from loadgen.preflight.requirements import require
from loadgen.preflight.server import identify
from loadgen.preflight.speed import speed
from loadgen.prompts import SIMULATED, made
from loadgen.simulator.process import Process, SimulatorError

AFTER_TIMEOUT_S: Final = 2.0  # of each request to the server after the last cell

# Runs one cell, until it ends or the function returns true; returns a recording for each engine that drove it, without
# what has been kept meanwhile.
Record = Callable[[Cell, Listener, Callable[[], bool], Keep], Sequence[Recording]]

# Returns what the machine did to a cell, in words, if it must be measured again; otherwise an empty text.
Judge = Callable[[Sequence[Recording]], str]


def run(
    scenario: Scenario,
    folder: Path | None,
    listener: Listener,
    workers: AbstractContextManager[Record] | None = None,
    judge: Judge = lambda _: "",
    resumed: Resumed | None = None,
    max_time_s: float | None = None,
    worker_count: int = 0,
) -> RunResult:
    """Run ``scenario`` into ``folder`` (by default ``reports/<UTC time>-<name>``), by so many ``workers`` if provided.

    Of a run that is ``resumed`` only what is missing is measured, into its own folder. After ``max_time_s`` the run
    ends as the user's interrupt ends it.

    Each worker checks its share against the limits of its own machine. Cells that the machine disturbed, as ``judge``
    decides, are measured again at the end of their round, at most ``scenario.remeasure`` times: by then the disturbance
    may be over, and the cell is still compared with those of its own round.

    Raises :class:`~loadgen.preflight.requirements.Refused`, and what :func:`session` raises.
    """
    most = most_engines() if scenario.engines == AUTO else scenario.engines
    where = cores_of(scenario, 1 if workers else most)
    streams, simulated = plan.streams(scenario), scenario.target.simulator is not None
    require(scenario.clients, 1 if workers else streams, most, simulated=simulated)
    require_rate(scenario, worker_count or most)
    with session(
        scenario,
        listener,
        where,
        folder=folder,
        workers=workers,
        resumed=resumed,
        max_time_s=max_time_s,
    ) as running:
        answer_s = simulator.stream_s if (simulator := scenario.target.simulator) else running.answer_s
        tasks = [Task(cell) for cell in running.cells]
        if resumed is not None:
            tasks = resumed.tasks(running.cells, judge, scenario.remeasure)
        if cells := [
            task.cell for task in tasks
        ]:  # else all was measured, and the run ended before it could say so
            listener.begin(cells, [plan.seconds(cell, answer_s) for cell in cells])
            try:
                for _, of_round in groupby(tasks, key=lambda task: task.cell.repeat):
                    _measure(running, of_round, judge, scenario.remeasure)
            finally:
                listener.end()
    return running.writer.result


def _measure(running: Session, tasks: Iterable[Task], judge: Judge, remeasure: int) -> None:
    """Measure the cells of one round, then again those that were disturbed, until none is or the user interrupts."""
    attempts = deque(tasks)
    while attempts and not running.interrupted():
        cell, tries, why = attempts.popleft()
        if why:
            running.listener.again(cell, why)
        running.listener.cell_begins(cell)
        parts = running.writer.save(cell, running.record(cell))
        running.listener.cell_ends(parts)
        if tries < remeasure and (why := judge(parts)):
            attempts.append(Task(replace(cell, attempt=cell.attempt + 1), tries + 1, why))


@dataclass(frozen=True)
class Session:
    """A run under way: a target that answers, the cells planned, and where they are saved.

    ``embedded`` is ``None`` where another server is measured.
    """

    cells: Sequence[Cell]
    interrupted: Callable[[], bool]
    embedded: Embedded | None
    writer: RunWriter
    engines: Record  # or workers
    listener: Listener
    watched: Callable[[], None] = lambda: None  # called between cells

    @property
    def answer_s(self) -> float:
        """Return about how long an answer took in the warm-up, without loading the model; 0 where nobody knows."""
        seen = self.writer.info.warm_up
        return max(0.0, (seen.total_s or 0.0) - (seen.load_s or 0.0)) if seen else 0.0

    def record(self, cell: Cell, stop: Callable[[], bool] | None = None) -> Sequence[Recording]:
        """Run ``cell``, to its end or until ``stop`` (by default: the user's interrupt), and return what it left.

        The first recording has the simulator's log; where it has died, all say so. Raises SimulatorError.
        """
        keep = partial(self.writer.keep, cell)
        if self.embedded is not None:
            self.embedded.reset(cell.level, self.listener.note)
            cell = self.embedded.serves(cell)
        before = in_memory(cell)
        rules, ends = StopRules(cell), stop or self.interrupted
        parts = self.engines(
            cell, Listeners(self.listener, rules), lambda: ends() or rules.stopped is not None, keep
        )
        if rules.stopped is not None:
            parts = [
                replace(part, stopped=rules.stopped, ended="" if part.ended == INTERRUPTED else part.ended)
                for part in parts
            ]
        self.watched()
        known = residency(cell, before)
        parts = [replace(part, residency=known) for part in parts]
        if self.embedded is None:
            return parts
        try:
            return [replace(parts[0], server=self.embedded.process.log()), *parts[1:]]
        except SimulatorError as error:
            return [replace(part, ended=part.ended or str(error)) for part in parts]


class Embedded:
    """The simulator's ``process``, started again when it has died. A context manager: leaving it stops the process.

    Raises SimulatorError where it does not start.
    """

    def __init__(self, spec: Simulator, cores: tuple[int, ...]) -> None:
        self._start = partial(Process, spec, cores=cores)
        self.process = self._start()

    def reset(self, level: Level, note: Callable[[str], None]) -> None:
        """Empty its log; start it again, and say so, where it has died. Raises SimulatorError."""
        try:
            self.process.reset(level)
        except SimulatorError as error:
            note(f"{error}; it is started again")
            self.process.stop()
            self.process = self._start()
            self.process.reset(level)

    def serves(self, cell: Cell) -> Cell:
        """Return the cell with the simulator that runs now as its target, which it trusts unless it trusts any."""
        ca = self.process.ca if cell.tls.verify and not cell.tls.ca else cell.tls.ca
        return replace(cell, url=self.process.url, tls=replace(cell.tls, ca=ca))

    def log(self) -> ServerLog | None:
        """Return what it did since the last reset; ``None`` where it does not answer."""
        try:
            return self.process.log()
        except SimulatorError:
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()


@contextlib.contextmanager
def session(
    scenario: Scenario,
    listener: Listener,
    cores: Cores,
    *,
    folder: Path | None = None,
    folder_name: str = "",
    planned: bool = True,
    workers: AbstractContextManager[Record] | None = None,
    resumed: Resumed | None = None,
    max_time_s: float | None = None,
) -> Iterator[Session]:
    """Start the simulator or check the target, make the folder, and yield the run; it ends with the block.

    ``planned``: the cells of the scenario are what will be measured; otherwise cells are added as they are saved.
    ``workers``, entered when the target has answered, run the cells in place of the engines of this machine.

    Raises :class:`~loadgen.store.StoreError`, :class:`~loadgen.preflight.target.TargetError` and
    :class:`~loadgen.simulator.process.SimulatorError` before anything is measured; what goes wrong later is the
    result's ``failure``. The first Ctrl-C makes ``interrupted()`` true; a second raises KeyboardInterrupt.
    """
    raise_open_files()
    watching.require(scenario)
    workload = scenario.workload
    if workload.calibration is None:  # a scenario of a run folder
        workload = made(workload, SIMULATED if scenario.target.simulator else Calibration(), scenario.seed)
    scenario = with_model(replace(scenario, workload=workload))
    with contextlib.ExitStack() as stack:
        embedded = None
        if scenario.target.simulator is not None:
            embedded = stack.enter_context(Embedded(scenario.target.simulator, cores.simulator))
        url = embedded.process.url if embedded else scenario.target.url
        assert url is not None
        chosen = resumed.engines if resumed else engines.one if workers else engines.fixed(scenario)
        cells = plan.cells(scenario, url, cores.engine, chosen)
        if resumed is not None:
            resumed.check(replace(described(scenario, url, cells), server=resumed.run.info.server))
        if embedded is None:
            check(scenario, cells)
        interrupted = stack.enter_context(interruptible(listener.interrupted))
        deadline = Deadline(max_time_s, interrupted, listener.note)
        warmed = None
        if embedded is None and scenario.warm_up:
            listener.warm_up_begins(scenario.warm_up)
            warmed = warm_up(scenario, cells[0], deadline.passed)
            listener.warmed_up(warmed, cells if planned else ())
        first = resumed.run.info.warm_up if resumed else warmed
        if first and first.calibration:
            scenario = replace(scenario, workload=made(scenario.workload, first.calibration, scenario.seed))
        predictions: tuple[Prediction, ...] = ()
        measured = None
        if planned and workers is None and resumed is None:
            measured = speed(cores.engine[:1])
            chosen, predictions = engines.predicted(scenario, measured, listener.note, first)
        cells = plan.cells(scenario, url, cores.engine, chosen)
        record = stack.enter_context(workers) if workers else engines.record
        saved = cells if planned else ()
        writer = RunWriter(
            scenario,
            url,
            saved,
            folder=folder,
            folder_name=folder_name,
            interrupted=lambda: interrupted() or deadline.over,
            warm_up=warmed,
            server_cores=cores.server,
            server=None if embedded else identify(cells[0]),
            resumed=resumed,
            speed=measured,
            predictions=predictions,
        )
        stack.enter_context(writer)
        listener.predicted(writer.info.predictions)
        stack.enter_context(pinned(cores.lab))
        serving = set() if embedded else _serving(url)
        with watching.watching(scenario, cells[0], writer, listener.note) as watched:
            yield Session(cells, deadline.passed, embedded, writer, record, listener, watched)
        if deadline.over:
            writer.time_over(max_time_s)
        if writer.info.server is not None and not interrupted():
            after = _serving(url)
            restarted = bool(serving and after) and not serving & after
            writer.describe_after(identify(_hasty(cells[0])), restarted=restarted)


def _hasty(cell: Cell) -> Cell:
    """Return the cell with less patience for a server that does not answer."""
    timeouts = cell.workload.timeouts
    timeouts = replace(timeouts, connect=min(timeouts.connect, AFTER_TIMEOUT_S))
    return replace(cell, workload=replace(cell.workload, timeouts=timeouts))


def _serving(url: str) -> set[tuple[int, int]]:
    """Return the processes on this machine that serve the URL; none of another machine's."""
    if not engine.is_here(url):
        return set()
    found = (processes.read(pid) for pid in processes.servers(engine.port_of(url)))
    return {(each.pid, each.born) for each in found if each is not None}


class Deadline:
    """The time after which a run ends like one that the user interrupts, with a ``note``; ``None``: no such time."""

    def __init__(
        self, seconds: float | None, interrupted: Callable[[], bool], note: Callable[[str], None]
    ) -> None:
        self.over = False  # the run was ended by it
        self._end = math.inf if seconds is None else time.monotonic() + seconds
        self._interrupted, self._note = interrupted, note

    def passed(self) -> bool:
        """Return whether the run is to end: the time is over, or the user has interrupted it."""
        if not self.over and time.monotonic() > self._end:
            self.over = True
            self._note("--max-time is over: this measurement ends now, then what was measured is reported")
        return self._interrupted() or self.over


def server_cores(url: str | None) -> tuple[int, ...]:
    """Return the cores that a server on this machine may use; none for another, or where that is not known."""
    if url is None or not engine.is_here(url):
        return ()
    found = [processes.cores_of(pid) for pid in processes.servers(engine.port_of(url))]
    return tuple(sorted(frozenset[int]().union(*found)))


def cores_of(scenario: Scenario, engines: int) -> Cores:
    """Return the cores of a run with so many engines. Raises Refused where this machine has too few."""
    require_cores(engines, simulated=scenario.target.simulator is not None)
    return cores(server_cores(scenario.target.url), engines)


@contextlib.contextmanager
def interruptible(notify: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Handle SIGINT, SIGTERM and SIGHUP while the block runs; in another than the main thread, leave them alone.

    Yield a function that returns whether the user has interrupted the run; it calls ``notify`` once, after the first
    signal. The second signal raises KeyboardInterrupt.
    """
    received = notified = False

    def interrupted() -> bool:
        # Not from the handler: it may run in the middle of another line that is being printed.
        nonlocal notified
        if received and not notified:
            notified = True
            notify()
        return received

    def handle(_: int, __: FrameType | None) -> None:
        nonlocal received
        if received:
            raise KeyboardInterrupt
        received = True

    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, handle) for number in end_signals() if main}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
