"""The worker: an engine for each cell of the job, controlled by the coordinator and by Locust's users."""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import gevent
import msgspec
from gevent.event import Event

import loadgen
from loadgen.distributed import messages
from loadgen.distributed.addresses import is_local
from loadgen.distributed.transport import Transport
from loadgen.engine.system import raise_open_files
from loadgen.exit_code import ExitCode
from loadgen.gate import BadData
from loadgen.lab import plan
from loadgen.lab.engine import Engine
from loadgen.lab.masking import shareable
from loadgen.model import Cell, Level, Listener, Load, Outcome, Progress, Scenario, Stream
from loadgen.preflight.cores import cores
from loadgen.preflight.requirements import Refused, require
from loadgen.prompts import made
from loadgen.scenario import MAX_CONCURRENCY, Override, ScenarioError, check_place, load
from loadgen.secrets import mask_cut

if TYPE_CHECKING:
    from locust.env import Environment

UPDATE_INTERVAL_S: Final = 0.5
COMMAND_INTERVAL_S: Final = 0.05  # changes of the number of users within it become one command
END_TIMEOUT_S: Final = 15.0  # from the command to end until an engine has ended

log = logging.getLogger("loadgen")

workers_by_environment: WeakKeyDictionary[Environment, Worker] = WeakKeyDictionary()


class StreamError(Exception):
    """A failed stream in Locust's table of failures."""


@dataclass(frozen=True)
class Trust:
    """What a master may choose, beside scenarios below the worker's folder: all, or this scenario and this target."""

    all: bool = False
    scenario: str = ""
    url: str = ""


def fingerprint(scenario: Scenario) -> str:
    """Return a digest of the scenario without its secrets and the path of its file."""
    encoded = msgspec.json.encode(replace(shareable(scenario), source=None), order="sorted")
    return hashlib.sha256(encoded).hexdigest()


class Worker:
    """Runs the cells of a job in a process of Locust: one of its workers, or its only process."""

    def __init__(self, environment: Environment, transport: Transport, trust: Trust) -> None:
        self.environment, self.transport = environment, transport
        self._trust, self._folder = trust, os.getcwd()
        self.controllers: dict[int, EngineController] = {}  # cell index -> its engine
        self.users: Counter[str] = Counter()  # of Locust, by their client: each is a stream
        taken = cores()
        # Engines may use all cores but the simulator's, from the last one down.
        free = os.sched_getaffinity(0) - set(taken.simulator) if taken.engine else ()
        self._engine_cores = tuple(sorted(free, reverse=True))
        if taken.lab:
            os.sched_setaffinity(0, taken.lab)
        raise_open_files()
        transport.on(messages.JOB, self._job)
        transport.on(messages.ADD, self._add, concurrent=True)
        transport.on(messages.END, self._end, concurrent=True)
        workers_by_environment[environment] = self
        gevent.spawn(self._follow_users)

    def _follow_users(self) -> None:
        while True:
            gevent.sleep(COMMAND_INTERVAL_S)
            default = getattr(self.environment.parsed_options, "client", "")
            for controller in self.controllers.values():
                label = controller.cell.client.label
                # Users whose class names no client count as "".
                users = self.users[label] + (self.users[""] if label == default else 0)
                controller.set_streams(users, self.environment.stop_timeout or 0.0)

    def follow_master(self) -> None:
        """Send this version to the coordinator, in another process; end this one where it refuses."""
        self.transport.on(messages.REFUSED, self._refused, concurrent=True)
        self.transport.send(messages.HELLO, loadgen.__version__)

    def _refused(self, _: str, reason: str) -> None:
        log.error("refused by the master: %s", reason)
        self.environment.process_exit_code = ExitCode.BAD
        assert self.environment.runner is not None
        self.environment.runner.quit()

    def _job(self, _: str, data: bytes) -> None:
        try:
            job = messages.unpack(messages.Job, data)
            scenario = self._load(job)
            if fingerprint(scenario) != job.fingerprint:
                raise Refused(f"{job.scenario} differs from the master's file: copy that one to every worker")
            cells = [*self._cells(scenario, job)]
            require(scenario.clients, max(cell.places or 1 for cell in cells))
            for controller in self.controllers.values():  # of the job before this one
                controller.kill()
            self.controllers = {
                cell.index: EngineController(self, job.number, cell, scenario) for cell in cells
            }
        except ScenarioError as error:
            log.error("%s", error)
            # The problems quote the file, which the master chose.
            self.transport.send(messages.FAILED, "it cannot use this scenario; its own terminal shows why")
        except (Refused, OSError, BadData) as error:
            log.error("%s", error)
            self.transport.send(messages.FAILED, str(error))

    def _load(self, job: messages.Job) -> Scenario:
        """Return the scenario of a job, as far as the master is trusted. Raises ScenarioError, Refused."""
        overrides = [each if isinstance(each, str) else Override(*each) for each in job.overrides]
        if self._trust.all:
            return load(job.scenario, overrides)
        check_place(job.scenario, self._folder, self._trust.scenario)
        scenario = load(job.scenario, overrides, urls={self._trust.url})
        here = is_local(urlsplit(job.url or "").hostname or "")
        if job.url is not None and not (here and scenario.target.simulator):
            raise Refused("the master names a target of its own: start the worker with that one, --url")
        return scenario

    def _cells(self, scenario: Scenario, job: messages.Job) -> Iterator[Cell]:
        if job.calibration is not None:
            workload = made(scenario.workload, job.calibration, scenario.seed)
            scenario = replace(scenario, workload=workload)
        if job.url is not None:
            tls = replace(scenario.target.tls, ca=job.ca)
            scenario = replace(scenario, target=replace(scenario.target, tls=tls))
        planned = plan.cells(scenario, job.url or scenario.target.url or "", ())
        for index, slots in job.slots.items():
            if not 1 <= index <= len(planned):
                raise Refused("the master requests a cell that the scenario does not have")
            of, shares = planned[index - 1], job.shares.get(index, 1)
            known = shares if of.workload.load.is_open else of.max_streams
            if not 1 <= shares <= MAX_CONCURRENCY or not {*(slots or ())} <= {*range(known)}:
                raise Refused("the master requests streams that the scenario does not have")
        for place, (index, slots) in enumerate(job.slots.items(), job.place * len(job.slots)):
            at = place % max(1, len(self._engine_cores))
            own, shares = self._engine_cores[at : at + 1], job.shares.get(index, 1)
            cell = replace(
                planned[index - 1],
                slots=slots or (),
                shares=shares,
                cores=own,
                nonce=f"{job.nonce}/{index}",
            )
            if slots is None:
                cell = replace(cell, level=Level(streams=1), workload=replace(cell.workload, load=Load()))
            yield cell

    def _add(self, _: str, data: bytes) -> None:
        if (add := _command(messages.Add, data)) is None:
            return
        controller = self.controllers.get(add.cell)
        if controller is not None and controller.job == add.job:
            controller.add(add.slots)

    def _end(self, _: str, data: bytes) -> None:
        if (end := _command(messages.End, data)) is None:
            return
        controllers = [each for each in self.controllers.values() if each.job == end.job]
        gevent.joinall([gevent.spawn(controller.finish, end.grace) for controller in controllers])

    def fire_requests(self, cell: Cell, streams: Sequence[Stream]) -> None:
        """Fire one request event of Locust per stream; streams that we stopped are neither success nor failure."""
        for stream in streams:
            if stream.outcome == Outcome.STOPPED:
                continue
            error = None
            if stream.outcome != Outcome.OK:
                status = f" {stream.status}" if stream.outcome == Outcome.HTTP_STATUS else ""
                error = StreamError(": ".join(filter(None, (f"{stream.outcome}{status}", stream.error))))
            self.environment.events.request.fire(
                request_type="STREAM",
                name=cell.client.label,
                response_time=(stream.end - stream.start) / 1e6,
                response_length=stream.size,
                exception=error,
                context={},
            )


def _command(kind: type[messages.M], data: bytes) -> messages.M | None:
    try:
        return messages.unpack(kind, data)
    except BadData as error:
        log.error("a command of the master is dropped: %s", error)
        return None


class EngineController(Listener):
    """Controls one engine: sends what it measures to the coordinator, and passes commands on to it."""

    def __init__(self, worker: Worker, job: int, cell: Cell, scenario: Scenario) -> None:
        self.job = job
        self.engine = Engine(cell, self)
        self.cell = cell
        self._worker, self._secrets = worker, scenario.secrets
        self._scheduled = cell.workload.load != Load()
        self._is_open = cell.workload.load.is_open  # its streams are requested by no number
        self._requested = self._most_requested = 0 if self._is_open else len(cell.slots or ())
        self._added: set[int] = set()  # slots of lost workers that have left no stream yet
        self._open = self._tokens = 0
        self._ending = self._stopping = False
        self._over = Event()
        gevent.spawn(self._run)
        gevent.spawn(self._send_updates)

    def progress(self, progress: Progress) -> None:
        self._open, self._tokens = progress.open, progress.tokens

    def _run(self) -> None:
        try:
            self.engine.run(lambda: self._stopping)
        finally:
            self.engine.close()
            if not self._scheduled and self.engine.ended == "interrupted":
                self.engine.ended = ""  # such a load ends when it is stopped
            self._open = 0
            self._over.set()

    def _send_updates(self) -> None:
        done = False
        while not done:
            done = self._over.is_set()
            rows, recording = self.engine.take(), self.engine.recording()
            rows = rows._replace(
                streams=[replace(each, error=mask_cut(each.error, self._secrets)) for each in rows.streams]
            )
            self._worker.fire_requests(self.cell, rows.streams)
            self._added -= {each.slot for each in rows.streams}
            if done and self._added:  # slots whose time was over were never this engine's
                self._requested = self._most_requested = self._most_requested - len(self._added)
            update = messages.Update(
                job=self.job,
                cell=self.cell.index,
                recording=replace(recording, ended=mask_cut(recording.ended, self._secrets)),
                rows=rows,
                requested=self._requested,
                most_requested=self._most_requested,
                open=self._open,
                tokens=self._tokens,
                done=done,
            )
            self._worker.transport.send(messages.UPDATE, messages.pack(update))
            self._over.wait(UPDATE_INTERVAL_S)

    def set_streams(self, number: int, grace: float) -> None:
        """Run ``number`` streams from now on, unless the load has a schedule of its own."""
        accepts = self.engine.start and not (self._scheduled or self._ending or self._over.is_set())
        if accepts and number != self._requested:
            self._requested = number
            self._most_requested = max(self._most_requested, number)
            self.engine.command(streams=number, grace=grace)

    def add(self, slots: Sequence[int]) -> None:
        """Run these slots of the schedule too, unless it is over."""
        while not self.engine.start and not self._over.wait(COMMAND_INTERVAL_S):
            pass  # an engine accepts no commands before its start
        if not self._over.is_set():
            if not self._is_open:
                self._added |= set(slots)
                self._requested += len(slots)
                self._most_requested = self._requested
            self.engine.command(add=list(slots))

    def finish(self, grace: float | None) -> None:
        """Start no stream; return when the open ones have ended, by themselves or after ``grace`` seconds."""
        self._ending = True
        if grace is None:
            self._over.wait()
            return
        if grace and self.engine.start:
            self._requested = 0
            self.engine.command(streams=0, grace=grace)
            until = time.monotonic() + grace
            while not self._over.wait(UPDATE_INTERVAL_S) and self._open and time.monotonic() < until:
                pass
        self._stopping = True
        self._over.wait(END_TIMEOUT_S)

    def kill(self) -> None:
        """Kill the engine. What it has not sent yet is lost."""
        if not self._over.is_set():
            os.kill(self.engine.pid, signal.SIGKILL)
            self._over.wait(END_TIMEOUT_S)
