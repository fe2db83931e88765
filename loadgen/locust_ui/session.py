"""A run that Locust steers: from its form or its command line to a run folder and the Streaming tab."""

from __future__ import annotations

import csv
import json
import logging
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gevent
from gevent import Greenlet, subprocess
from locust.runners import STATE_INIT, STATE_SPAWNING, WORKER_REPORT_INTERVAL, MasterRunner

from loadgen import clients, store
from loadgen.distributed import messages
from loadgen.distributed.coordinator import CHECK_INTERVAL_S, Coordinator
from loadgen.distributed.locust_transport import LocustTransport
from loadgen.distributed.transport import LOCAL
from loadgen.distributed.users import TARGET, Streaming
from loadgen.distributed.worker import END_TIMEOUT_S, Worker
from loadgen.lab import plan
from loadgen.lab.lifecycle import RunWriter
from loadgen.locust_ui.live import Live
from loadgen.locust_ui.shape import Stages
from loadgen.model import Cell, ClientId, Level, Scenario, ServerLog, Simulator
from loadgen.preflight import target
from loadgen.preflight.cores import cores
from loadgen.preflight.requirements import Refused, require
from loadgen.scenario import Override, ScenarioError, load, overrides_from_flags
from loadgen.secrets import mask_cut
from loadgen.simulator.process import Process, SimulatorError

if TYPE_CHECKING:
    from locust.env import Environment

TICK: Final = 2.0  # seconds between two rows of history where this process is alone
ARRIVAL_TIMEOUT_S: Final = 5.0  # seconds that workers get to introduce themselves
NOT_MEASURED: Final = 3  # the exit code

log = logging.getLogger("loadgen")


class Wrong(Exception):
    """What was asked for cannot be run; the message says why and what would be right."""


@dataclass(frozen=True)
class Plan:
    """A job that can be begun: a cell for each client, all at the same time.

    ``client`` is the label that stands for users whose class names none.
    """

    scenario: Scenario
    overrides: tuple[Override, ...]
    cells: tuple[Cell, ...]
    client: str

    @property
    def scheduled(self) -> bool:
        """Whether the scenario's stages say how many streams there are, and not the users of Locust."""
        return bool(self.scenario.workload.load.stages)

    def is_another(self, other: Plan) -> bool:
        """Whether a run of it would need other engines."""
        return (
            self.scenario.source,
            self.scenario.target,
            self.client,
            [cell.client for cell in self.cells],
        ) != (
            other.scenario.source,
            other.scenario.target,
            other.client,
            [cell.client for cell in other.cells],
        )


def make_plan(path: str, client: str, host: str, classes: Sequence[type[Any]]) -> Plan:
    """The plan behind what a form or a command line says. Raises Wrong.

    ``client`` is for the user classes that name none; ``host``, where not empty, is the target's URL.
    """
    if not path:
        raise Wrong("no scenario: give --scenario FILE, or LOADGEN_SCENARIO, or fill in the field")
    try:
        scenario = load(path)
        own = _client(client, scenario)
        each = [
            _client(one.client, scenario) if one.client else own
            for one in classes
            if issubclass(one, Streaming)
        ]
        wanted = list({one.label: one for one in each}.values())
        spelled = [{"client": one.name, **one.options} if one.options else one.name for one in wanted]
        overrides = [Override("--client", "clients", spelled)]
        overrides += overrides_from_flags(url=host or None)
        scenario = load(path, overrides)
        require(scenario.clients, 1)
    except (ScenarioError, Refused) as error:
        raise Wrong(str(error)) from None
    if any(secret in json.dumps(spelled) + host for secret in scenario.secrets):
        raise Wrong(
            "a credential in the host's URL would travel to every worker: name it as ${NAME} in the scenario"
        )
    every = plan.cells(scenario, scenario.target.url or "", ())
    first = [next(cell for cell in every if cell.client == one) for one in wanted]
    return Plan(scenario, tuple(overrides), tuple(first), own.label)


def _client(label: str, scenario: Scenario) -> ClientId:
    """The scenario's client of that label, or any other by its name; the scenario's first where there is none."""
    if not label:
        return scenario.clients[0]
    found = next((client for client in scenario.clients if client.label == label), None)
    if found is None and label not in clients.names():
        raise Wrong(f"no client {label!r}: one of {', '.join(offered(scenario))}")
    return found or ClientId(label)


def offered(scenario: Scenario | None) -> Iterable[str]:
    """The clients to choose from: those of the scenario, variants too, and all others."""
    own = [client.label for client in scenario.clients] if scenario else []
    return dict.fromkeys([*own, *clients.names()])


class Session:
    """The master's life, or that of a Locust of one process.

    Locust may kill the greenlet in which it tells us something, when another Start or Stop comes. What must be
    done whole has a greenlet of its own.
    """

    def __init__(self, environment: Environment, worker: Worker | None) -> None:
        assert environment.parsed_options is not None
        assert environment.runner is not None
        self.environment = environment
        self._options = environment.parsed_options
        self.coordinator = Coordinator(LocustTransport(environment.runner), self._note)
        self.live = Live()
        self.folder: Path | None = None
        self._worker = worker
        self._plan: Plan | None = None  # of the run under way
        self._writer: RunWriter | None = None
        self._simulator: tuple[Simulator, Process] | None = None
        self._own_shape = environment.shape_class
        self._beginning: Greenlet[[], None] = gevent.spawn(lambda: None)
        self._ending = self._finishing = self._beginning
        events = environment.events
        events.test_start.add_listener(self._start)
        events.test_stopping.add_listener(self._stop)
        events.worker_report.add_listener(self._report)
        events.quit.add_listener(self._quit)
        gevent.spawn(self._tick)

    # -- what is asked for

    def planned(self, form: dict[str, str] | None = None) -> Plan:
        """The plan of the options, with what the form says. Raises Wrong."""
        options = vars(self._options) | (form or {})
        host = options.get("host") or ""
        return make_plan(
            options.get("scenario") or "",
            options.get("client") or "",
            "" if host == TARGET else host,
            self.environment.user_classes,
        )

    def check(self, form: dict[str, str] | None = None) -> Plan:
        """Raise Wrong where the run would not start; set the shape that the scenario asks for."""
        asked = self.planned(form)
        if self._plan is not None:
            if asked.is_another(self._plan):
                raise Wrong("the scenario, the client and the host of a run stay as they are: stop it first")
            return asked
        shape = Stages(asked.scenario.workload.load.stages) if asked.scheduled else self._own_shape
        if shape is not None:
            shape.runner = self.environment.runner
        self.environment.shape_class = shape
        return asked

    # -- Locust says

    def _start(self, **_: object) -> None:
        runner = self.environment.runner
        assert runner is not None
        runner.update_state(STATE_SPAWNING)  # in a state of rest Locust would not hear a Stop
        self._beginning = gevent.spawn(self._begin)
        self._beginning.get()
        if self._plan is None:
            raise gevent.GreenletExit  # users need not come

    def _begin(self) -> None:
        self._finishing.join()
        self._arrived()
        try:
            asked = self.planned()
            url = self._serve(asked.scenario)
            writer = RunWriter(asked.scenario, url or asked.scenario.target.url or "", asked.cells)
        except (Wrong, SimulatorError, store.StoreError) as error:
            self.live.begin(self.coordinator.job, "", "", ())
            self._note(str(error))
            self._leave(failed=True)
            return
        self._plan, self._writer, self.folder = asked, writer, writer.folder
        self._options.client = asked.client  # to the users, wherever they are
        self.live.begin(self.coordinator.job + 1, writer.folder.name, asked.scenario.name, asked.cells)
        self.coordinator.begin(asked.scenario, asked.overrides, url, asked.cells, scheduled=asked.scheduled)
        # What went before took its time, which is none of the run's.
        self.environment.stats.total.start_time = time.time()
        if self.environment.shape_class is not None:
            self.environment.shape_class.reset_time()
        if url is None:
            gevent.spawn(self._look, asked)

    def _arrived(self) -> None:
        """Wait for the workers whom Locust knows already and we do not."""
        runner, until = self.environment.runner, time.monotonic() + ARRIVAL_TIMEOUT_S
        while isinstance(runner, MasterRunner) and len(self.coordinator.nodes()) < runner.worker_count:
            if time.monotonic() > until:
                return
            gevent.sleep(CHECK_INTERVAL_S / 5)

    def _look(self, asked: Plan) -> None:
        """Say so where the target is not there. The run goes on: its failures tell of it too."""
        try:
            target.check(asked.cells[0])
        except target.TargetError as error:
            if self._plan is asked:
                self._note(mask_cut(str(error), asked.scenario.secrets))

    def _serve(self, scenario: Scenario) -> str | None:
        """The simulator's URL, started where it does not run yet."""
        spec = scenario.target.simulator
        if self._simulator is not None and self._simulator[0] != spec:
            self._simulator[1].stop()
            self._simulator = None
        if spec is None:
            return None
        if self._simulator is None:
            self._simulator = spec, Process.start(spec, cores=cores().simulator)
        try:
            self._simulator[1].reset()
        except SimulatorError:
            self._simulator[1].stop()
            self._simulator = None
            raise
        return self._simulator[1].url

    def _stop(self, **_: object) -> None:
        self._beginning.join()
        if self._plan is not None and self._ending.ready():
            self._ending = gevent.spawn(partial(self._end, self._plan))
        self._ending.get()

    def _end(self, asked: Plan) -> None:
        """End the engines and hear everything; the files are made afterwards."""
        load_of, timeouts = asked.scenario.workload.load, asked.scenario.workload.timeouts
        grace: float | None = self.environment.stop_timeout or 0.0
        seconds = (grace or 0.0) + END_TIMEOUT_S
        if asked.scheduled and self.live.elapsed >= (load_of.seconds or 0.0):
            grace, seconds = None, timeouts.total + END_TIMEOUT_S
        self.coordinator.end(grace, seconds)
        self.live.end()
        self._hear_all()
        self.live.tick()
        self._plan = None
        self._finishing = gevent.spawn(partial(self._finish, asked))

    def _finish(self, asked: Plan) -> None:
        self._write(asked)
        self._judge()
        assert self.folder is not None
        log.info("Report: %s", self.folder / "report.html")

    def _quit(self, **_: object) -> None:
        self._finishing.join()
        if self._simulator is not None:
            self._simulator[1].stop()
            self._simulator = None

    def _leave(self, *, failed: bool) -> None:
        """End a run in which nothing is left to do."""
        runner = self.environment.runner
        assert runner is not None
        headless = bool(self._options.headless)
        if failed and headless:
            self.environment.process_exit_code = NOT_MEASURED
        gevent.spawn(runner.quit if headless else runner.stop)

    def _report(self, client_id: str, data: dict[str, Any], **_: object) -> None:
        if messages.REPORT in data:
            self.live.take(client_id, self.coordinator.name(client_id), data[messages.REPORT])

    def _hear_all(self) -> None:
        """Our own figures; those of workers come by themselves, the last ones with Locust's own rows."""
        if self._worker is not None:
            self.live.take(LOCAL, "", self._worker.report())
            return
        until = time.monotonic() + WORKER_REPORT_INTERVAL + ARRIVAL_TIMEOUT_S
        while time.monotonic() < until and any(
            len(assignment.streams) > self.live.ended(assignment.node, assignment.cell)
            for assignment in self.coordinator.assignments
            if not assignment.lost
        ):
            gevent.sleep(CHECK_INTERVAL_S / 5)

    def _tick(self) -> None:
        while True:
            gevent.sleep(TICK if self._worker is not None else WORKER_REPORT_INTERVAL)
            if self._plan is None or not self._beginning.ready() or not self._ending.ready():
                continue
            if self._worker is not None:
                self._hear_all()
            for assignment in self.coordinator.assignments:
                if assignment.lost:
                    self.live.lose(assignment.node, assignment.cell)
            self.live.tick()
            if self.coordinator.over():
                self._leave(failed=any(assignment.lost for assignment in self.coordinator.assignments))

    # -- the run folder

    def _write(self, asked: Plan) -> None:
        """Save what the run left, and have its report made."""
        assert self._writer is not None
        cells = [
            cell
            if asked.scheduled
            else replace(cell, level=Level(streams=max(1, self.coordinator.most.get(cell.index, 0))))
            for cell in asked.cells
        ]
        parts = self.coordinator.recordings(cells, self._record())
        for cell in cells:
            self._writer.save(cell, [part for part in parts if part.index == cell.index])
        self._writer.end()
        # A process of its own: this one must go on to answer. A session of its own: Ctrl-C is for us.
        done = subprocess.run(
            [sys.executable, "-P", "-m", "loadgen", "report", str(self.folder), "--quiet"],
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
        if done.stderr:
            self._note(done.stderr.strip().splitlines()[-1])

    def _record(self) -> ServerLog | None:
        try:
            return self._simulator[1].record() if self._simulator is not None else None
        except SimulatorError as error:
            self._note(str(error))
            return None

    def _judge(self) -> None:
        assert self.folder is not None
        path = self.folder / "summary.csv"
        if path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                self.live.verdicts = [
                    {"verdict": row["validity"], "who": row["client"], "text": row["reasons"]}
                    for row in csv.DictReader(file)
                ]

    # -- the tab

    def snapshot(self) -> dict[str, Any]:
        """What the Streaming tab shows."""
        runner = self.environment.runner
        states = {STATE_INIT: "ready", "spawning": "running", "cleanup": "stopping"}
        state = str(runner.state) if runner is not None else STATE_INIT
        return self.live.snapshot(states.get(state, state) if self._ending.ready() else "stopping")

    def file(self, name: str) -> Path:
        """Return the path of a file of the run folder. Raises LookupError where there is none.

        There is none while the run goes on: to make one would take the CPU that is measured.
        """
        if self.folder is None:
            raise LookupError("nothing has been run yet: start a test first")
        if self._plan is not None:
            raise LookupError("the run is still going: its files are made when it ends")
        self._finishing.join()
        path = self.folder / name
        if not path.exists():
            raise LookupError(f"{name} could not be made")
        return path

    def _note(self, text: str) -> None:
        log.warning(text)
        if text not in self.live.notes:
            self.live.notes.append(text)
