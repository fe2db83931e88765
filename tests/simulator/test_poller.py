"""Both pollers tell of the same descriptors, and the simulator runs where there is no epoll."""

from __future__ import annotations

import select
import socket
import subprocess
import sys
import threading

import pytest

from loadgen.model import Simulator
from loadgen.simulator import loop, poller
from loadgen.simulator.poller import READ, WRITE, SelectorPoller, make_poller
from loadgen.simulator.server import Server
from tests.simulator.wire import Wire, generate


@pytest.mark.parametrize("kind", [make_poller, SelectorPoller], ids=["system", "selectors"])
def test_ready_descriptors(kind: type[SelectorPoller]) -> None:
    watched, here = kind(), socket.socketpair()
    one, other = here
    try:
        watched.watch(one.fileno(), READ)
        assert watched.wait(0, 16) == []
        watched.watch(one.fileno(), READ | WRITE)
        assert watched.wait(None, 16) == [(one.fileno(), WRITE)]
        other.send(b"x")
        assert watched.wait(None, 16) == [(one.fileno(), READ | WRITE)]
        watched.watch(one.fileno(), 0)
        assert watched.wait(0, 16) == []
        watched.watch(one.fileno(), READ)
        assert watched.wait(None, 16) == [(one.fileno(), READ)]
        watched.watch(one.fileno(), 0)
        watched.unwatch(one.fileno())
    finally:
        watched.close()
        one.close()
        other.close()


def test_the_simulator_serves_without_epoll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "epoll")
    assert isinstance(poller.make_poller(), SelectorPoller)
    monkeypatch.setattr(loop, "make_poller", SelectorPoller)
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
