"""``loadgen run --workers`` and ``--master``: the cells of a run, each spread over Locust's workers."""

from __future__ import annotations

import ipaddress
import logging
import socket
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final

import gevent
from locust.env import Environment
from locust.event import Events

from loadgen.lab.cell import longest
from loadgen.lab.listener import Listener, Progress
from loadgen.lab.run import CellError, Record, Refused
from loadgen.model import Cell, Outcome, Recording, Scenario, ServerLog, Stream
from loadgen.scenario import Override
from loadgen.swarm.crew import LAST, PIECES
from loadgen.swarm.desk import LOOK, Desk
from loadgen.swarm.locustfile import Stream as StreamUser
from loadgen.swarm.worker import Hands

ARRIVE: Final = 60.0  # seconds in which workers started here must have arrived


class Swarm:
    """A Locust master in this process; as a context, its workers. Raises Refused where they cannot be had."""

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
        if is_exposed(host) and scenario.target.simulator is not None:
            raise Refused(
                "the scenario's simulator serves this machine alone: workers elsewhere need a server of its own, "
                "such as loadgen simulate --host, and its --url"
            )
        self._scenario, self._overrides = scenario, overrides
        self._workers, self._start, self._note = workers, start, note
        self._listener: Listener | None = None
        self._failed = self._streams = 0
        self._hands: Hands | None = None
        _free(host, port)
        # What goes wrong is told by our own notes, and by the workers themselves.
        logging.getLogger("locust").setLevel(logging.CRITICAL)
        hub = gevent.get_hub()
        hub.NOT_ERROR = (*hub.NOT_ERROR, KeyboardInterrupt)  # it ends us; the hub would print where it came
        environment = Environment(user_classes=[StreamUser], events=Events())
        self._runner = environment.create_master_runner(host, port)
        self._desk = Desk(environment, self._say, self._ended)
        self._host, self._port = host, self._runner.server.port

    def __enter__(self) -> Record:
        try:
            self._gather()
        except BaseException:
            self.close()
            raise
        return self.record

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _gather(self) -> None:
        if self._start:
            self._hands = Hands(self._workers, self._host, self._port)
        else:
            here = socket.gethostname() if self._host in ("0.0.0.0", "::") else self._host
            self._note(
                f"waiting for {self._workers} workers: loadgen worker --host {here} --port {self._port}"
            )
        until = time.monotonic() + ARRIVE
        while len(self._desk.nodes()) < self._workers:
            gevent.sleep(LOOK)
            if self._hands is not None and (self._hands.dead() or time.monotonic() > until):
                raise Refused(f"only {len(self._desk.nodes())} of {self._workers} workers came up")

    def close(self) -> None:
        """Let the workers go; those started here are ended."""
        try:
            self._runner.quit()
        finally:
            if self._hands is not None:
                self._hands.close()

    def record(
        self,
        cell: Cell,
        listener: Listener,
        interrupted: Callable[[], bool],
        server: Callable[[], ServerLog | None],
    ) -> Sequence[Recording]:
        """Run ``cell``; a recording for each worker. Raises CellError where none could begin."""
        self._listener, self._failed, self._streams = listener, 0, 0
        url = cell.url if self._scenario.target.simulator is not None else None
        self._desk.begin(self._scenario, self._overrides, url, [cell], scheduled=True)
        began = told = time.monotonic()
        until = began + longest(cell)
        while not self._desk.over():
            gevent.sleep(LOOK)
            now = time.monotonic()
            if now - told > PIECES:
                told = now
                self._tell(listener, now - began, cell)
            if interrupted() or now > until:
                self._desk.end(0.0, LAST)
                break
        parts = self._desk.recordings([cell], server())
        if not parts:
            raise CellError("; ".join(self._desk.failures) or "no worker is left")
        return parts

    def _tell(self, listener: Listener, elapsed: float, cell: Cell) -> None:
        shares = self._desk.shares
        listener.progress(
            Progress(
                elapsed=elapsed,
                left=max(0.0, (cell.workload.load.seconds or 0.0) - elapsed),
                open=sum(share.open for share in shares),
                tokens=sum(share.tokens for share in shares),
                ended=self._streams,
                failed=self._failed,
            )
        )

    def _ended(self, streams: Sequence[Stream]) -> None:
        self._streams += len(streams)
        self._failed += sum(stream.outcome not in (Outcome.OK, Outcome.STOPPED) for stream in streams)
        if self._listener is not None:
            self._listener.ended(streams)

    def _say(self, text: str) -> None:
        (self._listener.note if self._listener is not None else self._note)(text)


def is_exposed(host: str) -> bool:
    """Whether others than this machine reach what listens there."""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _free(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (")[0]
        raise Refused(
            f"{host}:{port}: cannot listen there: {reason}; choose another with --master-port"
        ) from None
