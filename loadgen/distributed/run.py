"""``loadgen run --workers`` and ``--master``: spread each cell of a run over Locust's workers."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final

import gevent
from locust.env import Environment
from locust.event import Events

from loadgen.distributed import messages
from loadgen.distributed.addresses import free_port, is_local
from loadgen.distributed.coordinator import CHECK_INTERVAL_S, Assignment, Coordinator
from loadgen.distributed.locust_transport import LocustTransport
from loadgen.distributed.processes import LocalWorkers
from loadgen.distributed.users import Stream as StreamUser
from loadgen.distributed.worker import END_TIMEOUT_S, UPDATE_INTERVAL_S
from loadgen.lab.engine import longest
from loadgen.lab.interrupts import interruptible
from loadgen.lab.lifecycle import CellError
from loadgen.lab.session import Record
from loadgen.model import Cell, Listener, Outcome, Progress, Recording, Scenario, ServerLog
from loadgen.preflight.requirements import Refused
from loadgen.scenario import Override

CONNECT_TIMEOUT_S: Final = 60.0  # for workers that were started here


class WorkerPool:
    """A Locust master in this process, and its workers. A context manager that yields what runs a cell.

    Entering it starts the workers, or waits for them; Refused is raised where they do not connect.
    """

    def __init__(
        self,
        scenario: Scenario,
        overrides: Sequence[str | Override],
        *,
        workers: int,
        host: str,
        port: int,
        start: bool,
        note: Callable[[str], None],
    ) -> None:
        if not is_local(host) and scenario.target.simulator is not None:
            raise Refused(
                f"workers on other machines (--master-host {host}) cannot reach the scenario's simulator, which "
                "listens on this machine only: start loadgen simulate --host, and name it with --url"
            )
        self._scenario, self._overrides = scenario, overrides
        self._workers, self._start, self._note = workers, start, note
        self._listener: Listener | None = None
        self._failed = self._streams = 0
        self._local_workers: LocalWorkers | None = None
        free_port(host, port, "--master-port")
        # Our own notes, and the workers themselves, report what goes wrong.
        logging.getLogger("locust").setLevel(logging.CRITICAL)
        hub = gevent.get_hub()
        hub.NOT_ERROR = (*hub.NOT_ERROR, KeyboardInterrupt)  # or the hub prints a traceback of Ctrl-C
        environment = Environment(user_classes=[StreamUser], events=Events())
        self._runner = environment.create_master_runner(host, port)
        self._coordinator = Coordinator(LocustTransport(self._runner), self._notify, self._updated)
        self._host, self._port = host, self._runner.server.port

    def __enter__(self) -> Record:
        try:
            self._connect()
        except BaseException:
            self.close()
            raise
        return self.record

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connect(self) -> None:
        # gevent may lose a KeyboardInterrupt that is raised in one of its callbacks; a flag is never lost.
        with interruptible(lambda _: None) as interrupted:
            if self._start:
                self._local_workers = LocalWorkers(self._workers, self._host, self._port)
            else:
                here = socket.gethostname() if self._host in ("0.0.0.0", "::") else self._host
                self._note(
                    f"waiting for {self._workers} workers: loadgen worker --host {here} --port {self._port}"
                )
            until = time.monotonic() + CONNECT_TIMEOUT_S
            while len(self._coordinator.nodes()) < self._workers:
                gevent.sleep(CHECK_INTERVAL_S)
                if interrupted():
                    raise KeyboardInterrupt
                if self._local_workers is not None and (
                    self._local_workers.dead() or time.monotonic() > until
                ):
                    connected = len(self._coordinator.nodes())
                    raise Refused(
                        f"only {connected} of {self._workers} workers started; their errors are above"
                    )
            if interrupted():
                raise KeyboardInterrupt

    def close(self) -> None:
        """Disconnect the workers; end those that were started here."""
        try:
            self._runner.quit()
        finally:
            if self._local_workers is not None:
                self._local_workers.close()

    def record(
        self,
        cell: Cell,
        listener: Listener,
        interrupted: Callable[[], bool],
        server: Callable[[], ServerLog | None],
    ) -> Sequence[Recording]:
        """Run ``cell``; return a recording for each worker. Raises CellError where none could start."""
        self._listener, self._failed, self._streams = listener, 0, 0
        url = cell.url if self._scenario.target.simulator is not None else None
        self._coordinator.begin(self._scenario, self._overrides, url, [cell], scheduled=True)
        began = reported = time.monotonic()
        until = began + longest(cell)
        while not self._coordinator.over():
            gevent.sleep(CHECK_INTERVAL_S)
            now = time.monotonic()
            if now - reported > UPDATE_INTERVAL_S:
                reported = now
                self._report(listener, now - began)
            if interrupted() or now > until:
                self._coordinator.end(0.0, END_TIMEOUT_S)
                break
        parts = self._coordinator.recordings([cell], server())
        if not parts:
            raise CellError("; ".join(self._coordinator.failures) or "no worker is left")
        return parts

    def _report(self, listener: Listener, elapsed: float) -> None:
        assignments = self._coordinator.assignments
        listener.progress(
            Progress(
                elapsed=elapsed,
                open=sum(assignment.open for assignment in assignments),
                tokens=sum(assignment.tokens for assignment in assignments),
                ended=self._streams,
                failed=self._failed,
            )
        )

    def _updated(self, _: Assignment, update: messages.Update) -> None:
        streams = update.streams
        self._streams += len(streams)
        self._failed += sum(stream.outcome not in (Outcome.OK, Outcome.STOPPED) for stream in streams)
        if streams and self._listener is not None:
            self._listener.ended(streams)

    def _notify(self, text: str) -> None:
        (self._listener.note if self._listener is not None else self._note)(text)
