"""Every client needs as many open files per stream as its INFO says; preflight uses that number."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from loadgen.clients import BUILTIN, info, version
from loadgen.model import ClientId, Load
from tests.clients.measuring import AT_ONCE
from tests.clients.raw import Raw, Received, Wire
from tests.engine.test_process import Live
from tests.lab.cells import cell

NAMES = [name for name in BUILTIN if version(name) is not None]
FEW, MANY = 2, 7  # an engine begins five at once, and spreads more over a second
PATIENCE_S = 30.0


class Holding(Raw):
    """Holds every stream open."""

    def __init__(self) -> None:
        super().__init__({})
        self._arrived = threading.Semaphore(0)

    def handle(self, wire: Wire, received: Received) -> None:
        self._arrived.release()
        wire.hold()

    def wait_for(self, streams: int) -> None:
        """Return when so many more streams are open."""
        for _ in range(streams):
            assert self._arrived.acquire(timeout=PATIENCE_S)


def per_stream(name: str) -> float:
    """Return the open files that a stream more takes."""
    with ExitStack() as stack:
        server = stack.enter_context(Holding())
        wanted = cell(
            client=ClientId(name),
            url=server.url,
            protocol=(info(name).protocols or ("ollama-generate",))[0],
            concurrency=MANY,
            load=Load(),
        )
        engine = stack.enter_context(Live(wanted))
        engine.start()
        counts = []
        for before, now in ((0, FEW), (FEW, MANY)):
            engine.command(b'{"streams": %d}' % now)
            server.wait_for(now - before)
            counts.append(len(os.listdir(f"/proc/{engine.process.pid}/fd")))
        return (counts[1] - counts[0]) / (MANY - FEW)


@pytest.mark.skipif(sys.platform != "linux", reason="open files are counted in /proc")
def test_a_stream_takes_as_many_open_files_as_its_client_says() -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        measured = dict(zip(NAMES, pool.map(per_stream, NAMES), strict=True))
    assert measured == {name: info(name).descriptors for name in NAMES}
