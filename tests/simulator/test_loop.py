"""Every selector reports the same descriptors, and the simulator runs where there is no epoll."""

from __future__ import annotations

import selectors
import socket
import subprocess
import sys
import threading
import time

import pytest

from loadgen.model import Simulator
from loadgen.simulator.loop import READ, WRITE, Loop
from loadgen.simulator.server import Server
from tests.simulator.wire import Wire, generate

KINDS = [selectors.DefaultSelector, selectors.PollSelector, selectors.SelectSelector]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_handlers_of_ready_descriptors_are_called(
    kind: type[selectors.BaseSelector], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "DefaultSelector", kind)
    loop, (one, other) = Loop(), socket.socketpair()
    fd, seen = one.fileno(), list[int]()

    def ready(events: int) -> None:
        seen.append(events)
        if events == WRITE:
            other.send(b"x")
        elif events == READ | WRITE:
            loop.watch(fd, ready, 0)
            loop.wheel.add(time.monotonic_ns() + 5_000_000, lambda: loop.watch(fd, ready, READ))
        else:
            loop.watch(fd, ready, 0)
            loop.stop()

    loop.watch(fd, ready, READ | WRITE)
    with one, other:
        loop.run()
    assert seen == [WRITE, READ | WRITE, READ]


def test_the_simulator_serves_without_epoll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "DefaultSelector", selectors.PollSelector)
    server = Server(Simulator(ttft=0.001, gap=0.001, tokens=5))
    serving = threading.Thread(target=server.run)
    serving.start()
    try:
        with Wire(server.url) as wire:
            answers = [wire.ask(generate()) for _ in range(3)]
        assert [len(answer.objects) for answer in answers] == [6, 6, 6]
    finally:
        server.loop.stop()
        serving.join(20)


def test_it_is_imported_where_epoll_does_not_exist() -> None:
    code = (
        "import select, selectors; del select.epoll, selectors.EpollSelector; import loadgen.simulator.server"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
