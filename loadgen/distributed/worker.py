"""The worker: an engine for each cell of the job, controlled by the coordinator and by Locust's users."""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import gevent
import msgspec
from gevent.event import Event

import loadgen
from loadgen.distributed import messages
from loadgen.engine.system import raise_open_files
from loadgen.exit_code import ExitCode
from loadgen.lab import plan
from loadgen.lab.engine import Engine, EngineError
from loadgen.lab.masking import shareable
from loadgen.model import Cell, Level, Listener, Load, Outcome, Progress, Scenario, Stream
from loadgen.preflight.cores import Cores, cores
from loadgen.preflight.requirements import Refused, require
from loadgen.scenario import Override, ScenarioError, load
from loadgen.secrets import mask_cut

if TYPE_CHECKING:
    from locust.env import Environment

    from loadgen.distributed.transport import Transport

UPDATE_INTERVAL_S: Final = 0.5
COMMAND_INTERVAL_S: Final = 0.05  # changes of the number of users within it become one command
END_TIMEOUT_S: Final = 15.0  # from the command to end until an engine has ended

log = logging.getLogger("loadgen")

workers_by_environment: WeakKeyDictionary[Environment, Worker] = WeakKeyDictionary()


class StreamError(Exception):
    """A failed stream in Locust's table of failures."""


def fingerprint(scenario: Scenario) -> str:
    """Return a digest of the scenario without its secrets and the path of its file."""
    encoded = msgspec.json.encode(replace(shareable(scenario), source=None), order="sorted")
    return hashlib.sha256(encoded).hexdigest()


class Worker:
    """Runs the cells of a job in a process of Locust: one of its workers, or its only process."""

    def __init__(self, environment: Environment, transport: Transport) -> None:
        self.environment = environment
        self.controllers: dict[int, EngineController] = {}  # cell index -> its engine
        self._users: Counter[str] = Counter()
        self._cores = cores()
        self._engine_cores = _engine_cores(self._cores)
        if self._cores.lab:
            os.sched_setaffinity(0, self._cores.lab)
        raise_open_files()
        self._transport = transport
        transport.on(messages.JOB, self._job)
        transport.on(messages.ADD, self._add, concurrent=True)
        transport.on(messages.END, self._end, concurrent=True)
        workers_by_environment[environment] = self
        gevent.spawn(self._follow_users)

    # -- Locust's users

    def count_user(self, client: str, change: int) -> None:
        """Add ``change``, 1 or -1, to the users of ``client``: each user is a stream."""
        self._users[client] += change

    def _follow_users(self) -> None:
        while True:
            gevent.sleep(COMMAND_INTERVAL_S)
            default = getattr(self.environment.parsed_options, "client", "")
            for controller in self.controllers.values():
                label = controller.cell.client.label
                # Users whose class names no client count as "".
                users = self._users[label] + (self._users[""] if label == default else 0)
                controller.set_streams(users, self.environment.stop_timeout or 0.0)

    # -- the coordinator's messages

    def _job(self, _: str, data: bytes) -> None:
        try:
            job = messages.unpack(messages.Job, data)
            overrides = [each if isinstance(each, str) else Override(*each) for each in job.overrides]
            scenario = load(job.scenario, overrides)
            if fingerprint(scenario) != job.fingerprint:
                raise Refused(f"{job.scenario} differs from the master's file: copy that one to every worker")
            require(scenario.clients, max(len(part.slots or (0,)) for part in job.parts))
            cells = [self._cell(scenario, job, place, part) for place, part in enumerate(job.parts)]
            self._finish(list(self.controllers.values()), 0.0)  # the job before this one
            self.controllers = {
                cell.index: EngineController(self, job.number, cell, scenario) for cell in cells
            }
        except (ScenarioError, Refused, OSError, msgspec.MsgspecError) as error:
            log.error("%s", error)
            self.send(messages.FAILED, str(error))

    def _cell(self, scenario: Scenario, job: messages.Job, place: int, part: messages.Part) -> Cell:
        at = (job.place * len(job.parts) + place) % max(1, len(self._engine_cores))
        cores = self._engine_cores[at : at + 1]
        cell = plan.cells(scenario, job.url or scenario.target.url or "", cores)[part.cell - 1]
        if part.slots is None:
            return replace(
                cell, workload=replace(cell.workload, load=Load()), level=Level(streams=1), slots=()
            )
        return replace(cell, slots=part.slots)

    def _add(self, _: str, data: bytes) -> None:
        add = messages.unpack(messages.Add, data)
        controller = self.controllers.get(add.cell)
        if controller is not None and controller.job == add.job:
            controller.add(add.slots)

    def _end(self, _: str, data: bytes) -> None:
        end = messages.unpack(messages.End, data)
        self._finish([each for each in self.controllers.values() if each.job == end.job], end.grace)

    @staticmethod
    def _finish(controllers: Sequence[EngineController], grace: float | None) -> None:
        gevent.joinall([gevent.spawn(controller.finish, grace) for controller in controllers])

    def close(self) -> None:
        """Kill every engine: the master is gone."""
        for controller in self.controllers.values():
            controller.kill()

    def send(self, kind: str, message: messages.Update | str) -> None:
        """Send to the coordinator, which may be this process."""
        self._transport.send(kind, message if isinstance(message, str) else messages.pack(message))

    def hello(self) -> None:
        """Send the version of this loadgen to the coordinator."""
        self.send(messages.HELLO, loadgen.__version__)

    # -- Locust's own statistics

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


class EngineController(Listener):
    """Controls one engine: sends what it measures to the coordinator, and passes commands on to it."""

    def __init__(self, worker: Worker, job: int, cell: Cell, scenario: Scenario) -> None:
        self.job = job
        self.engine = Engine(cell, self)
        self.cell = cell
        self._worker, self._secrets = worker, scenario.secrets
        self._scheduled = cell.workload.load != Load()
        self._requested = self._most_requested = len(cell.slots or ())
        self._open = self._tokens = 0
        self._ending = self._stopping = False
        self._over = Event()
        gevent.spawn(self._run)
        gevent.spawn(self._send_updates)

    # -- updates

    def progress(self, progress: Progress) -> None:
        self._open, self._tokens = progress.open, progress.tokens

    def _run(self) -> None:
        try:
            self.engine.run(lambda: self._stopping)
        except EngineError as error:
            self.engine.ended = f"the engine failed: {error}"
        finally:
            self.engine.close()
            if not self._scheduled and self.engine.ended == "interrupted":
                self.engine.ended = ""  # such a load ends when it is stopped
            self._open = 0
            self._over.set()

    def _send_updates(self) -> None:
        self._send_update(done=False)
        while not self._over.wait(UPDATE_INTERVAL_S):
            self._send_update(done=False)
        self._send_update(done=True)

    def _send_update(self, *, done: bool) -> None:
        streams, samples, pauses, cpu_samples = self.engine.take()
        recording = self.engine.recording()
        recording = replace(recording, ended=mask_cut(recording.ended, self._secrets))
        streams = [replace(each, error=mask_cut(each.error, self._secrets)) for each in streams]
        self._worker.fire_requests(self.cell, streams)
        update = messages.Update(
            job=self.job,
            cell=self.cell.index,
            recording=recording,
            streams=streams,
            samples=samples,
            pauses=pauses,
            cpu_samples=cpu_samples,
            requested=self._requested,
            most_requested=self._most_requested,
            open=self._open,
            tokens=self._tokens,
            done=done,
        )
        self._worker.send(messages.UPDATE, update)

    # -- commands

    def set_streams(self, number: int, grace: float) -> None:
        """Run ``number`` streams from now on, unless the load has a schedule of its own."""
        accepts = self.engine.start and not (self._scheduled or self._ending or self._over.is_set())
        if not accepts or number == self._requested:
            return
        self._requested = number
        self._most_requested = max(self._most_requested, number)
        self.engine.command(streams=number, grace=grace)

    def add(self, slots: Sequence[int]) -> None:
        """Run these slots of the schedule too, unless it is over."""
        while not self.engine.start and not self._over.wait(COMMAND_INTERVAL_S):
            pass  # an engine accepts no commands before its start
        if self._over.is_set():
            return
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


def _engine_cores(cores: Cores) -> tuple[int, ...]:
    """Return the cores that engines may use: all but the simulator's, from the last one down."""
    if not cores.engine:
        return ()
    return tuple(sorted(os.sched_getaffinity(0) - set(cores.simulator), reverse=True))


def follow(environment: Environment, worker: Worker, transport: Transport) -> None:
    """Introduce a worker to its coordinator; end the worker when it is refused."""

    def refused(_: str, reason: str) -> None:
        log.error("refused by the master: %s", reason)
        environment.process_exit_code = ExitCode.BAD
        assert environment.runner is not None
        environment.runner.quit()

    transport.on(messages.REFUSED, refused, concurrent=True)
    worker.hello()
