"""``loadgen run --workers`` and ``--master``: the cells of a run, each spread over Locust's workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

import gevent
from locust.env import Environment
from locust.event import Events
from locust.exception import RPCError

from loadgen.lab.cell import longest
from loadgen.lab.listener import Listener, Progress
from loadgen.lab.run import CellError
from loadgen.model import Cell, Outcome, Recording, Scenario, ServerRecord, Stream
from loadgen.scenario import Override
from loadgen.swarm.crew import LAST
from loadgen.swarm.desk import LOOK, Desk
from loadgen.swarm.locustfile import Stream as StreamUser
from loadgen.swarm.worker import Hands

ARRIVE: Final = 60.0  # seconds in which workers started here must have arrived


class NoWorkers(Exception):
    """The run cannot begin; the message says what is missing."""


class Swarm:
    """A Locust master in this process. :meth:`record` takes the place of a single engine."""

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
        self._scenario, self._overrides = scenario, overrides
        self._workers, self._start, self._note = workers, start, note
        self._listener: Listener | None = None
        self._failed = self._streams = 0
        self._hands: Hands | None = None
        environment = Environment(user_classes=[StreamUser], events=Events())
        try:
            self._runner = environment.create_master_runner(host, port)
        except (RPCError, SystemExit):
            raise NoWorkers(f"{host}:{port} is taken: choose another port with --master-port") from None
        self._desk = Desk(environment, self._say, self._ended)
        self.host, self.port = host, self._runner.server.port if port == 0 else port

    def __enter__(self) -> Self:
        if self._start:
            self._hands = Hands(self._workers, self.host, self.port)
        else:
            self._note(
                f"waiting for {self._workers} workers: loadgen worker --host {self.host} --port {self.port}"
            )
        until = time.monotonic() + ARRIVE
        while len(self._desk.nodes()) < self._workers:
            gevent.sleep(LOOK)
            if self._hands is not None and (self._hands.dead() or time.monotonic() > until):
                self.__exit__(None, None, None)
                raise NoWorkers(f"only {len(self._desk.nodes())} of {self._workers} workers came up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.quit()
        if self._hands is not None:
            self._hands.close()

    def record(
        self,
        cell: Cell,
        listener: Listener,
        interrupted: Callable[[], bool],
        server: Callable[[], ServerRecord | None],
    ) -> Sequence[Recording]:
        """Run ``cell``; a recording for each worker. Raises CellError where none could begin."""
        self._listener, self._failed, self._streams = listener, 0, 0
        url = cell.url if self._scenario.target.simulator is not None else None
        self._desk.begin(self._scenario, self._overrides, url, [cell], scheduled=True)
        began = time.monotonic()
        until = began + longest(cell)
        while not self._desk.over():
            gevent.sleep(LOOK)
            self._tell(listener, time.monotonic() - began, cell)
            if interrupted():
                self._desk.end(0.0, LAST)
                break
            if time.monotonic() > until:
                self._desk.end(0.0, LAST)
        parts = self._desk.recordings([cell], server())
        if not parts:
            raise CellError("; ".join(self._desk.failures) or "no worker is left")
        return parts

    def _tell(self, listener: Listener, elapsed: float, cell: Cell) -> None:
        shares = self._desk.shares
        listener.progress(
            Progress(
                elapsed=elapsed,
                left=max(0.0, (cell.load.seconds or 0.0) - elapsed),
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
