"""A transport in memory, and an engine that ends streams when a test says so: for coordinator and worker alone."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, ClassVar

import gevent

from loadgen.distributed import worker as worker_module
from loadgen.distributed.coordinator import Coordinator
from loadgen.distributed.transport import Handler, Transport
from loadgen.distributed.worker import EngineController, Trust, Worker
from loadgen.lab.spool import Rows
from loadgen.model import Cell, Outcome, RecordingInfo, Stream, Usage

DEADLINE_S = 20.0
NOW = time.perf_counter_ns()


def until(condition: Callable[[], Any], what: str) -> Any:
    """Let greenlets run until ``condition`` is true; return its value."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {DEADLINE_S:.0f} s for {what}"
        gevent.sleep(0.001)
    return found


class End(Transport):
    """One end of the network: the coordinator's, or a worker's."""

    def __init__(self, network: Network, node: str) -> None:
        self._network, self.node = network, node
        self.handlers: dict[str, Handler] = {}
        self.sent: list[tuple[str, Any]] = []

    def on(self, kind: str, handler: Handler, *, concurrent: bool = False) -> None:
        self.handlers[kind] = handler

    def send(self, kind: str, data: Any, node: str = "") -> None:
        self.sent.append((kind, data))
        to = self._network.ends.get(node)
        if to is not None and kind in to.handlers and self.node in self._network.ends:
            gevent.spawn(to.handlers[kind], self.node, data)

    def nodes(self) -> list[str]:
        return [node for node in self._network.ends if node]


class Network:
    """``ends`` are those that are connected, the coordinator's under ""."""

    def __init__(self) -> None:
        self.ends: dict[str, End] = {}
        self.coordinator = self.join("")

    def join(self, node: str) -> End:
        end = self.ends[node] = End(self, node)
        return end

    def lose(self, node: str) -> None:
        """Cut the node off: it sends and receives nothing more."""
        del self.ends[node]


class FakeEngine:
    """What :class:`loadgen.lab.engine.Engine` is to a worker, without a process."""

    made: ClassVar[list[FakeEngine]] = []

    def __init__(self, cell: Cell, listener: EngineController) -> None:
        self.cell, self.listener = cell, listener
        self._streams: list[Stream] = []
        self.commands: list[dict[str, Any]] = []
        self.start = 1
        self.ended = "the engine has not ended"
        self._over = False
        self.made.append(self)

    @property
    def slots(self) -> set[int]:
        added = {slot for command in self.commands for slot in command.get("add", ())}
        return {*(self.cell.slots or ()), *added}

    def stream(self, slot: int, outcome: Outcome = Outcome.OK) -> None:
        """End a stream of one token."""
        now = time.perf_counter_ns()
        self._streams.append(
            Stream(
                slot=slot, due=now, start=now, headers=now, end=now + 1, outcome=outcome, status=200, error="",
                size=1, arrivals=array("q", [now]).tobytes(), counts=array("H", [1]).tobytes(), stamps=b"",
                first_stamp_ns=None, usage=Usage(),
            )
        )  # fmt: skip

    def end(self, why: str = "") -> None:
        """End the engine: "" as its load says, otherwise why it died."""
        self.ended, self._over = why, True

    def run(self, interrupted: Callable[[], bool]) -> None:
        while not self._over and not interrupted():
            gevent.sleep(0.001)
        if not self._over:
            self.ended = "interrupted"

    def command(self, **command: Any) -> None:
        self.commands.append(command)

    def close(self) -> None:
        pass

    def take(self) -> Rows:
        streams, self._streams = self._streams, []
        return Rows(streams, [], [], [])

    def recording(self) -> RecordingInfo:
        cell = self.cell
        return RecordingInfo(
            index=cell.index, client=cell.client, mode="tasks", level=cell.level, repeat=cell.repeat,
            workload=replace(cell.workload, prompts=()), ended=self.ended, start=NOW, window=(NOW, NOW + 1),
            clock=((NOW, 2), (NOW, 4)), same_host=True,
        )  # fmt: skip


@dataclass
class Site:
    """A coordinator and its workers, with the notes to the user and the streams that arrived."""

    network: Network
    coordinator: Coordinator
    notes: list[str]
    streams: list[Stream]
    trust: Trust = field(default_factory=lambda: Trust(all=True))
    workers: dict[str, Worker] = field(default_factory=dict)

    def join(self, node: str, version: str | None = None) -> Worker:
        """Add a worker, by default of this version."""
        end = self.network.join(node)
        environment = SimpleNamespace(
            events=SimpleNamespace(request=SimpleNamespace(fire=lambda **_: None)),
            parsed_options=SimpleNamespace(client="floor"),
            stop_timeout=0.0,
            process_exit_code=None,
            runner=SimpleNamespace(quit=lambda: self.network.lose(node)),
        )
        worker = self.workers[node] = Worker(_Weak(environment), end, self.trust)  # type: ignore[arg-type]
        if version is None:
            worker.follow_master()
        else:
            end.send("loadgen-hello", version)
        return worker

    def engine(self, node: str) -> FakeEngine:
        """Return the only engine of a worker, as soon as there is one."""
        worker = self.workers[node]
        until(lambda: worker.controllers, f"the engine of {node}")
        [controller] = worker.controllers.values()
        assert isinstance(controller.engine, FakeEngine)
        return controller.engine


class _Weak:
    """An environment that a weak dictionary takes."""

    def __init__(self, environment: SimpleNamespace) -> None:
        self.__dict__.update(vars(environment))


def site(monkeypatch: Any) -> Iterator[Site]:
    """Make a site whose engines are fakes and whose updates come at once."""
    monkeypatch.setattr(worker_module, "Engine", FakeEngine)
    monkeypatch.setattr(worker_module, "UPDATE_INTERVAL_S", 0.002)
    monkeypatch.setattr(worker_module, "COMMAND_INTERVAL_S", 0.001)
    monkeypatch.setattr(worker_module, "cores", lambda: SimpleNamespace(lab=(), engine=(), simulator=()))
    monkeypatch.setattr("loadgen.distributed.coordinator.CHECK_INTERVAL_S", 0.001)
    FakeEngine.made = []
    network, notes, streams = Network(), [], []
    coordinator = Coordinator(
        network.coordinator, notes.append, lambda _, update: streams.extend(update.rows.streams)
    )
    made = Site(network, coordinator, notes, streams)
    yield made
    for engine in FakeEngine.made:
        engine.end()
    gevent.sleep(0.01)
