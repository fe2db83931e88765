"""The session of Locust's master: from Start to a run folder, and what the Streaming tab shows of it."""

import csv
import logging
import os
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import gevent
from gevent import Greenlet, subprocess
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_SPAWNING, STATE_STOPPING, MasterRunner

from loadgen import store
from loadgen.distributed.coordinator import CHECK_INTERVAL_S, Coordinator
from loadgen.distributed.transport import Transport
from loadgen.distributed.users import TARGET
from loadgen.distributed.worker import END_TIMEOUT_S
from loadgen.exit_code import ExitCode
from loadgen.lab.lifecycle import RunWriter
from loadgen.lab.run import Embedded
from loadgen.lab.target import warm_up
from loadgen.lab.watching import require, watching
from loadgen.locust_ui.live import LIMIT, Live
from loadgen.locust_ui.plan import Plan, make_plan
from loadgen.locust_ui.shape import Stages
from loadgen.locust_ui.web import MAX_TEXT
from loadgen.model import Level, Limit, WarmUp
from loadgen.preflight.cores import cores
from loadgen.preflight.requirements import Refused
from loadgen.preflight.server import identify
from loadgen.preflight.target import TargetError, check
from loadgen.prompts import made
from loadgen.report.sentences.limit import limited_by
from loadgen.report.text import plain
from loadgen.scenario import ScenarioError, check_place
from loadgen.secrets import mask_cut
from loadgen.simulator.process import SimulatorError

ROW_INTERVAL_S: Final = 2.0  # between two rows of history
HELLO_TIMEOUT_S: Final = 5.0  # for connected workers to introduce themselves
STATES: Final = {STATE_INIT: "ready", STATE_SPAWNING: "running", "cleanup": "stopping"}  # others as they are

log = logging.getLogger("loadgen")


class Session:
    """Runs one plan after another: at Locust's master, or where Locust has one process only.

    Locust may kill the greenlet that calls a listener, when another Start or Stop comes. What must not be cut
    short has a greenlet of its own.
    """

    def __init__(self, environment: Environment) -> None:
        assert environment.parsed_options is not None
        assert environment.runner is not None
        self.environment, self._runner = environment, environment.runner
        self._options = environment.parsed_options
        self._folder, self._scenario = os.getcwd(), self._options.scenario  # which a form may replace
        self.live = Live()
        self.coordinator = Coordinator(Transport(self._runner), self._note, self.live.update)
        self._plan: Plan | None = None  # of the run under way
        self._simulator: Embedded | None = None  # of the last run; on the stack until its log is read
        self._stack = ExitStack()
        self._writer: RunWriter | None = None  # of the last run
        self._locustfile_shape = environment.shape_class
        none: Greenlet[..., None] = gevent.spawn()  # ends at once
        self._starting = self._ending = self._reporting = none
        environment.events.test_start.add_listener(self._on_start)
        environment.events.test_stopping.add_listener(self._on_stopping)
        environment.events.quitting.add_listener(self._on_quitting)
        environment.events.quit.add_listener(lambda **_: self._reporting.join())
        gevent.spawn(self._watch)

    def plan(self, form: Mapping[str, str] | None = None) -> Plan:
        """Return the plan of the options, and of the form that was submitted. Raises Refused.

        A form may choose a scenario below the folder in which Locust was started; the target is not in it.
        """
        options, form = vars(self._options), form or {}
        host, path = options.get("host") or "", form.get("scenario", options["scenario"])
        if form.get("host", "") not in ("", TARGET, host):
            raise Refused(
                "the host is the scenario's target: start the web UI with another, --url or --host URL"
            )
        if path:
            try:
                check_place(path, self._folder, self._scenario)
            except ScenarioError as error:
                raise Refused(str(error)) from None
        classes = self.environment.user_classes
        return make_plan(path, form.get("client", options["client"]), "" if host == TARGET else host, classes)

    def prepare(self, form: Mapping[str, str] | None = None) -> Plan:
        """Return the plan that would be run, and set the shape that it needs. Raises Refused where it cannot run."""
        plan = self.plan(form)
        if self._plan is None:
            stages = plan.scenario.workload.load.stages
            shape = self.environment.shape_class = Stages(stages) if stages else self._locustfile_shape
            if shape is not None:
                shape.runner = self._runner
        elif plan.engines != self._plan.engines:
            raise Refused("scenario, client and host cannot change while a run goes on: stop it first")
        return plan

    # -- Start

    def _on_start(self, **_: object) -> None:
        self._runner.update_state(STATE_SPAWNING)  # or Locust ignores a Stop
        self._starting = gevent.spawn(self._start)
        shape = self.environment.shape_class
        if shape is not None:  # Locust asks it meanwhile: it must not end a run that has not begun
            shape.tick = lambda: self._runner.shape_last_tick  # type: ignore[method-assign]
        try:
            self._starting.get()
        finally:
            if shape is not None:
                del shape.tick
                shape.reset_time()
        if self._plan is None:
            raise gevent.GreenletExit  # Locust spawns no users

    def _start(self) -> None:
        self._reporting.join()
        self._wait_for_hellos()
        try:
            plan = self.plan()
            require(plan.scenario)
            target = plan.scenario.target
            self._simulator = None
            if target.simulator is not None:
                self._simulator = self._stack.enter_context(Embedded(target.simulator, cores().simulator))
            served = self._simulator.serves(plan.cells[0]) if self._simulator else None
            url = served.url if served else None
            warmed = self._warm_up(plan) if url is None and plan.scenario.warm_up else None
            if warmed and (known := warmed.calibration):
                cells = tuple(
                    replace(cell, workload=made(cell.workload, known, cell.seed)) for cell in plan.cells
                )
                plan = replace(plan, cells=cells)
            self._writer = RunWriter(plan.scenario, url or target.url or "", plan.cells, warm_up=warmed)
        except (Refused, SimulatorError, store.StoreError) as error:
            self._stack.close()
            self.live.begin("", "", ())
            self._note(str(error))
            self._leave(failed=True)
            return
        self._plan = plan
        self._options.client = plan.client  # Locust sends it to the users
        self.live.begin(self._writer.folder.name, plan.scenario.name, plan.cells)
        self._stack.enter_context(watching(plan.scenario, plan.cells[0], self._writer, self._note))
        self.coordinator.begin(
            plan.scenario,
            plan.overrides,
            url,
            plan.cells,
            scheduled=plan.scheduled,
            ca=served.tls.ca if served else "",
            keep=self._writer.keep,
        )
        # Preparing took time that is not part of the run.
        self.environment.stats.total.start_time = time.time()
        if url is None:
            gevent.spawn(self._check_target, plan)

    def _warm_up(self, plan: Plan) -> WarmUp | None:
        """Return what the warm-up saw; ``None`` where the target does not answer, which :meth:`_check_target` notes."""
        with suppress(TargetError):
            check(plan.cells[0])
            return warm_up(plan.scenario, plan.cells[0], lambda: self._runner.state == STATE_STOPPING)
        return None

    def _wait_for_hellos(self) -> None:
        """Wait until every worker that Locust counts has introduced itself."""
        runner, until = self._runner, time.monotonic() + HELLO_TIMEOUT_S
        while isinstance(runner, MasterRunner) and len(self.coordinator.nodes()) < runner.worker_count:
            if time.monotonic() > until:
                return
            gevent.sleep(CHECK_INTERVAL_S / 5)

    def _check_target(self, plan: Plan) -> None:
        """Note where the target does not answer. The run goes on, and its streams fail."""
        try:
            check(plan.cells[0])
        except TargetError as error:
            if self._plan is plan:
                self._note(mask_cut(str(error), plan.scenario.secrets))

    def _watch(self) -> None:
        while True:
            gevent.sleep(ROW_INTERVAL_S)
            if self._plan is not None and self._starting.ready() and self._ending.ready():
                self.live.tick()
                if self.coordinator.over():
                    self._leave(failed=any(each.lost for each in self.coordinator.assignments))

    def _leave(self, *, failed: bool) -> None:
        """End a run in which nothing more can happen."""
        headless = bool(self._options.headless)
        if failed and headless:
            self.environment.process_exit_code = ExitCode.NOT_MEASURED
        gevent.spawn(self._runner.quit if headless else self._runner.stop)

    # -- Stop

    def _on_stopping(self, **_: object) -> None:
        self._starting.join()
        if self._plan is not None and self._ending.ready():
            self._ending = gevent.spawn(self._end, self._plan)
        self._ending.get()

    def _on_quitting(self, **_: object) -> None:
        """End the run before Locust decides on its exit code, which is that of the report."""
        if self._options.headless:
            if self._plan is not None:
                self._runner.stop()
            self._reporting.join()

    def _end(self, plan: Plan) -> None:
        """End the engines; the files are made afterwards."""
        load, grace = plan.scenario.workload.load, self.environment.stop_timeout or 0.0
        if plan.scheduled and self.live.elapsed >= (load.seconds or 0.0):
            self.coordinator.end(None, plan.scenario.workload.timeouts.total + END_TIMEOUT_S)
        else:
            self.coordinator.end(grace, grace + END_TIMEOUT_S)
        self.live.end()
        self.live.tick()
        self._plan = None
        self._reporting = gevent.spawn(self._report, plan)

    def _report(self, plan: Plan) -> None:
        """Save what the run left, make its report, and show its verdicts."""
        writer, cells = self._writer, plan.cells
        assert writer is not None
        if not plan.scheduled:
            most = self.coordinator.most_requested
            cells = tuple(replace(cell, level=Level(streams=most.get(cell.index, 0) or 1)) for cell in cells)
        server = self._simulator.log() if self._simulator else None
        with writer:
            self._stack.close()
            if server is None:
                writer.describe_after(identify(cells[0]), restarted=False)
            for cell in cells:
                parts = self.coordinator.recordings(cell)
                parts[:1] = [replace(part, server=server) for part in parts[:1]]  # it is about all of them
                writer.save(cell, parts)
        if writer.result.failure:
            self._note(f"the run could not be saved: {writer.result.failure}")
        # In a process of its own, since this one must answer; in a session of its own, since Ctrl-C is for this one.
        command = [sys.executable, "-P", "-m", "loadgen", "report", str(writer.folder), "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True)
        if done.stderr:
            self._note(done.stderr.strip().splitlines()[-1])
        if self._options.headless and done.returncode == ExitCode.NOT_MEASURED:
            self.environment.process_exit_code = ExitCode.NOT_MEASURED
        summary = writer.folder / "summary.csv"
        with suppress(FileNotFoundError), summary.open(encoding="utf-8", newline="") as file:
            self.live.verdicts = [
                {"verdict": verdict, "who": row["client"], "text": text}
                for row in csv.DictReader(file)
                for verdict, text in (
                    (row["validity"], row["reasons"]),
                    *((LIMIT, limited_by(Limit(limit))) for limit in [row["limited_by"]] if limit),
                )
            ]
        log.info("Report: %s", writer.folder / "report.html")

    # -- the tab

    def snapshot(self) -> dict[str, Any]:
        """Return what the Streaming tab shows."""
        state = str(self._runner.state)
        return self.live.snapshot(STATES.get(state, state) if self._ending.ready() else "stopping")

    def file(self, name: str) -> Path:
        """Return the path of a file of the last run. Raises LookupError where there is none.

        While streams are open there is none: writing one would take CPU from the measurement.
        """
        if self._writer is None:
            raise LookupError("there is no run yet: start a test first")
        if self._plan is not None:
            raise LookupError("the run is still going: its files are made when it has ended")
        self._reporting.join()
        path = self._writer.folder / name
        if not path.exists():
            raise LookupError(f"{name} could not be made; the terminal shows why")
        return path

    def _note(self, text: str) -> None:
        log.warning(plain(text, MAX_TEXT))
        if text not in self.live.notes:
            self.live.notes.append(text)
