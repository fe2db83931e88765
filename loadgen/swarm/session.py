"""A run that Locust steers: from its form or its command line to a run folder and the Streaming tab."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gevent
from gevent import subprocess
from locust.runners import STATE_INIT, WORKER_REPORT_INTERVAL

from loadgen import clients, store
from loadgen.lab import plan, target
from loadgen.lab.run import Refused, about_run, new_folder, ready, told
from loadgen.model import Cell, Client, Scenario, ServerRecord, Simulator
from loadgen.scenario import Override, ScenarioError, load, overrides_from_flags
from loadgen.secrets import mask_cut
from loadgen.simulator.process import Process, SimulatorError
from loadgen.swarm import wire
from loadgen.swarm.crew import LAST, Crew
from loadgen.swarm.desk import ALONE, Desk
from loadgen.swarm.live import Live
from loadgen.swarm.shape import Stages
from loadgen.swarm.users import TARGET, Streaming

if TYPE_CHECKING:
    from locust.env import Environment

TICK: Final = 2.0  # seconds between two rows of history where this process is alone

log = logging.getLogger("loadgen")


class Wrong(Exception):
    """What was asked for cannot be run; the message says why and what would be right."""


@dataclass(frozen=True)
class Plan:
    """A job that can be begun: a cell for each client, all at the same time."""

    scenario: Scenario
    overrides: tuple[Override, ...]
    cells: tuple[Cell, ...]

    @property
    def scheduled(self) -> bool:
        """Whether the scenario's stages say how many streams there are, and not the users of Locust."""
        return bool(self.scenario.load.stages)


def make_plan(path: str, client: str, host: str, classes: Sequence[type[Any]]) -> Plan:
    """The plan behind what a form or a command line says. Raises Wrong.

    ``client`` is for the user classes that name none; ``host``, where not empty, is the target's URL.
    """
    if not path:
        raise Wrong("no scenario: give --scenario FILE, or LOADGEN_SCENARIO, or fill in the field")
    try:
        scenario = load(path)
        wanted = [_client(each.client or client, scenario) for each in classes if issubclass(each, Streaming)]
        spelled = [{"client": one.name, **one.options} if one.options else one.name for one in wanted]
        overrides = [Override("--client", "clients", spelled)]
        overrides += overrides_from_flags(url=host or None)
        scenario = load(path, overrides)
        ready(replace(scenario, concurrency=(1,)))
    except (ScenarioError, Refused) as error:
        raise Wrong(str(error)) from None
    if any(secret in json.dumps(spelled) + host for secret in scenario.secrets):
        raise Wrong(
            "a credential in the host's URL would travel to every worker: name it as ${NAME} in the scenario"
        )
    every = plan.cells(scenario, scenario.target.url or "", ())
    first = [next(cell for cell in every if cell.client == one) for one in wanted]
    return Plan(scenario, tuple(overrides), tuple(first))


def _client(label: str, scenario: Scenario) -> Client:
    """The scenario's client of that label, or any other by its name."""
    if not label:
        return scenario.clients[0]
    found = next((client for client in scenario.clients if client.label == label), None)
    if found is None and label not in clients.names():
        raise Wrong(f"no client {label!r}: one of {', '.join(clients.names())}")
    return found or Client(label)


class Session:
    """The master's life, or that of a Locust of one process."""

    def __init__(self, environment: Environment, crew: Crew | None) -> None:
        self.environment = environment
        self.desk = Desk(environment, self._note)
        self.live = Live()
        self.folder: Path | None = None
        self._crew = crew
        self._plan: Plan | None = None
        self._about: dict[str, Any] = {}
        self._simulator: tuple[Simulator, Process] | None = None
        self._ending = False
        events = environment.events
        events.test_start.add_listener(self._start)
        events.test_stopping.add_listener(self._stop)
        events.worker_report.add_listener(self._report)
        events.quit.add_listener(self._quit)
        gevent.spawn(self._tick)

    # -- what is asked for

    def planned(self, form: dict[str, str] | None = None) -> Plan:
        """The plan of the options, with what the form says. Raises Wrong."""
        options = vars(self.environment.parsed_options) | (form or {})
        host = options.get("host") or ""
        return make_plan(
            options.get("scenario") or "",
            options.get("client") or "",
            "" if host == TARGET else host,
            self.environment.user_classes,
        )

    def check(self, form: dict[str, str] | None = None) -> None:
        """Raise Wrong where the run would not start; set the shape that the scenario asks for."""
        asked = self.planned(form)
        if asked.scenario.target.simulator is None:
            try:
                target.check(asked.cells[0])
            except target.TargetError as error:
                # The run starts all the same: the failures tab is where users of Locust look.
                self._note(mask_cut(str(error), asked.scenario.secrets))
        shape = self.environment.shape_class
        if asked.scheduled:
            self.environment.shape_class = Stages(asked.scenario.load.stages)
            self.environment.shape_class.runner = self.environment.runner
        elif isinstance(shape, Stages):
            self.environment.shape_class = None

    # -- Locust says

    def _start(self, **_: object) -> None:
        try:
            asked = self.planned()
            url = self._serve(asked.scenario)
        except (Wrong, SimulatorError) as error:
            self._note(str(error))
            runner = self.environment.runner
            assert runner is not None
            gevent.spawn(runner.quit if self._headless else runner.stop)
            return
        started = datetime.now(UTC)
        self.folder = new_folder(asked.scenario, started)
        self._plan = asked
        self._about = about_run(asked.scenario, url or asked.scenario.target.url or "", started, asked.cells)
        store.create(self.folder, self._about)
        self.desk.begin(asked.scenario, asked.overrides, url, asked.cells, scheduled=asked.scheduled)
        self.live.begin(self.desk.job, self.folder.name, asked.scenario.name)
        self._ending = False

    def _serve(self, scenario: Scenario) -> str | None:
        """The simulator's URL, started where it does not run yet."""
        spec = scenario.target.simulator
        if spec is None:
            return None
        if self._simulator is not None and self._simulator[0] != spec:
            self._simulator[1].stop()
            self._simulator = None
        if self._simulator is None:
            self._simulator = spec, Process.start(spec, cores=plan.cores().simulator)
        self._simulator[1].reset()
        return self._simulator[1].url

    def _stop(self, **_: object) -> None:
        if self._plan is None or self._ending or self.folder is None:
            return
        self._ending = True
        load_of, timeouts = self._plan.scenario.load, self._plan.scenario.timeouts
        grace: float | None = self.environment.stop_timeout or 0.0
        seconds = (grace or 0.0) + LAST
        if self._plan.scheduled and self.live.elapsed >= (load_of.seconds or 0.0):
            grace, seconds = None, timeouts.total + LAST
        self.desk.end(grace, seconds)
        self._hear_all()
        self.live.tick()
        self.live.end()
        self._about["state"] = "complete"
        self._write()
        self._judge()
        self._plan = None
        log.info("Report: %s", self.folder / "report.html")

    def _quit(self, **_: object) -> None:
        if self._simulator is not None:
            self._simulator[1].stop()
            self._simulator = None

    def _report(self, client_id: str, data: dict[str, Any], **_: object) -> None:
        if wire.REPORT in data:
            self.live.take(client_id, self.desk.name(client_id), data[wire.REPORT])

    def _hear_all(self) -> None:
        if self._crew is not None:
            self.live.take(ALONE, "", self._crew.report())

    def _tick(self) -> None:
        while True:
            gevent.sleep(TICK if self._crew is not None else WORKER_REPORT_INTERVAL)
            if self._plan is not None and not self._ending:
                self._hear_all()
                for share in self.desk.shares:
                    if share.lost:
                        self.live.lose(share.node)
                self.live.tick()

    # -- the run folder

    def _write(self) -> None:
        assert self._plan is not None
        assert self.folder is not None
        cells = [
            replace(cell, concurrency=max(1, self.desk.most.get(cell.client.label, 0)))
            if not self._plan.scheduled
            else cell
            for cell in self._plan.cells
        ]
        parts = self.desk.recordings(cells, self._record())
        for cell, entry in zip(cells, self._about["cells"], strict=True):
            own = [part for part in parts if part.index == cell.index]
            files = [store.save(self.folder, part) for part in own]
            entry |= {"concurrency": cell.concurrency, **told(own, files)}
        self._about["scenario"]["concurrency"] = sorted({cell.concurrency for cell in cells})
        store.write_about(self.folder, self._about)
        # A process of its own: this one must go on to answer.
        done = subprocess.run(
            [sys.executable, "-P", "-m", "loadgen", "report", str(self.folder), "--quiet"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.stderr:
            self._note(done.stderr.strip().splitlines()[-1])

    def _record(self) -> ServerRecord | None:
        try:
            return self._simulator[1].record() if self._simulator is not None else None
        except SimulatorError as error:
            self._note(str(error))
            return None

    def _judge(self) -> None:
        assert self.folder is not None
        path = self.folder / "summary.json"
        if path.exists():
            self.live.verdicts = [
                {"verdict": row["validity"], "who": row["client"], "text": "; ".join(row["reasons"])}
                for row in json.loads(path.read_text(encoding="utf-8"))["summaries"]
            ]

    # -- the tab

    def snapshot(self) -> dict[str, Any]:
        """What the Streaming tab shows."""
        runner = self.environment.runner
        states = {STATE_INIT: "ready", "spawning": "running", "cleanup": "stopping"}
        state = str(runner.state) if runner is not None else STATE_INIT
        return self.live.snapshot(states.get(state, state))

    def file(self, name: str) -> Path:
        """A file of the run folder, of the streams that have ended by now. Raises LookupError before a run."""
        if self.folder is None:
            raise LookupError("nothing has been run yet: start a test first")
        if self._plan is not None:
            self._write()
        path = self.folder / name
        if not path.exists():
            raise LookupError(f"{name} could not be made")
        return path

    def _note(self, text: str) -> None:
        log.warning(text)
        if text not in self.live.notes:
            self.live.notes.append(text)

    @property
    def _headless(self) -> bool:
        return bool(getattr(self.environment.parsed_options, "headless", False))
