"""Engines slowed in a known way: what came late is put down to that. Each may be short of CPU as well, where other
tests run; what is put down to that is true too, and left out where it is not what a test is about.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from loadgen.analysis import causes
from loadgen.analysis.repeats import repeats_of
from loadgen.lab.cell import filled
from loadgen.lab.engine import Engine
from loadgen.lab.listener import Silent
from loadgen.model import PAUSES, ClientId, Load, Recording, Simulator
from loadgen.simulator.process import Process
from tests.lab.cells import cell

SLOWED = '''
import gc, time
from dataclasses import replace

import httpx

from loadgen.clients.aiohttp import Aiohttp
from loadgen.clients.httpx import HttpxAsync
from loadgen.clients.requests import Requests


class Every:
    """Calls ``act`` at every hundredth chunk of all streams."""

    count = 0

    def slowed(self, sink):
        def on_data(data):
            self.count += 1
            if self.count % 100 == 0:
                self.act()
            sink.data(data)
        return sink._replace(data=on_data)


class Slowed(Every, Aiohttp):
    async def stream(self, request, sink):
        await super().stream(request, self.slowed(sink))


class Sleeps(Slowed):
    INFO = replace(Aiohttp.INFO, name="sleeps")

    def act(self):
        time.sleep(0.025)


class Collects(Slowed):
    INFO = replace(Aiohttp.INFO, name="collects")

    def __init__(self, cell):
        super().__init__(cell)
        self.heap = [[] for _ in range(600_000)]

    def act(self):
        gc.collect()


class Spins(Every, Requests):
    INFO = replace(Requests.INFO, name="spins")

    def stream(self, request, sink):
        super().stream(request, self.slowed(sink))

    def act(self):
        until = time.perf_counter() + 0.025
        while time.perf_counter() < until:
            pass


class Hoards(Aiohttp):
    """Hands over four chunks at once."""

    INFO = replace(Aiohttp.INFO, name="hoards")

    async def stream(self, request, sink):
        held = []

        def on_data(data):
            held.append(data)
            if len(held) == 4:
                flush()

        def flush():
            sink.data(b"".join(held))
            held.clear()

        await super().stream(request, sink._replace(data=on_data))
        flush()


class Pooled(HttpxAsync):
    INFO = replace(HttpxAsync.INFO, name="pooled")

    def __init__(self, cell):
        super().__init__(cell)
        self._client = httpx.AsyncClient(limits=httpx.Limits(max_connections=7), timeout=None, trust_env=False)
'''
NAMES = ("Sleeps", "Collects", "Spins", "Hoards", "Pooled")
SPEC = Simulator(ttft=0.05, gap=0.02, tokens=40, jitter=0.5)
SHORT_OF_CPU = ("run-queue", "server")

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel does not tell")


@pytest.fixture
def slowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients above, as outsiders."""
    (tmp_path / "slowed.py").write_text(SLOWED)
    about = tmp_path / "slowed-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: slowed\nVersion: 1.0\n")
    points = "".join(f"{name.lower()} = slowed:{name}\n" for name in NAMES)
    (about / "entry_points.txt").write_text(f"[loadgen.clients]\n{points}")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@contextlib.contextmanager
def starved(pid: int) -> Iterator[Callable[[], None]]:
    """The process runs on one core, behind others that never wait; they end by themselves within ten seconds."""
    core = max(os.sched_getaffinity(0))
    busy = f"import os, time\nos.sched_setaffinity(0, [{core}])\nend = time.monotonic() + 10\n"
    busy += "while time.monotonic() < end: pass"
    os.sched_setaffinity(pid, [core])
    os.setpriority(os.PRIO_PROCESS, pid, 19)
    others = [subprocess.Popen([sys.executable, "-c", busy], start_new_session=True) for _ in range(3)]
    try:
        yield lambda: None
    finally:
        for other in others:
            other.kill()
            other.wait()


@contextlib.contextmanager
def halting(pid: int) -> Iterator[Callable[[], None]]:
    """The process stands still at four of twenty calls."""
    beats = itertools.count()

    def beat() -> None:
        place = next(beats) % 20
        if place in (15, 19):
            os.kill(pid, signal.SIGSTOP if place == 15 else signal.SIGCONT)

    try:
        yield beat
    finally:
        os.kill(pid, signal.SIGCONT)


def recorded(
    name: str,
    server: Process,
    trouble: Callable[[int], AbstractContextManager[Callable[[], None]]] = lambda _: nullcontext(
        lambda: None
    ),
) -> Recording:
    """``trouble`` is made for the engine's pid, and what it gives is called about a hundred times a second."""
    engine = Engine(
        cell(client=ClientId(name), url=server.url, concurrency=20, load=Load(requests=1, ramp=0.1)), Silent()
    )
    with contextlib.closing(engine), trouble(engine.pid) as beat:
        engine.run(lambda: bool(beat()))
    assert engine.ended == ""
    return filled(engine.recording(server.record()), *engine.take())


def late(recording: Recording) -> Counter[str]:
    """Cause -> tokens that came late."""
    (delays,) = causes.delays_of(repeats_of([recording])[0])
    names = list(causes.CAUSES)
    return Counter(names[place] for place in delays.cause.tolist())


@pytest.mark.usefixtures("slowed")
@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("sleeps", "held"),
        ("collects", "gc"),
        ("spins", "held"),
        ("hoards", "coalesced"),
    ],
)
@linux_only
def test_what_a_client_does_is_put_down_to_it(name: str, cause: str) -> None:
    with Process.start(SPEC) as server:
        found = late(recorded(name, server))
    own = Counter({cause: number for cause, number in found.items() if cause not in SHORT_OF_CPU})
    assert own[cause] > 0.5 * own.total() > 0, found


@pytest.mark.usefixtures("slowed")
@linux_only
def test_streams_that_wait_for_a_connection_came_late_for_it() -> None:
    with Process.start(SPEC) as server:
        found = late(recorded("pooled", server))
    assert found["connect"] >= 20 - 7 - 3, found  # 13 had to wait, some of them for a core as well


@pytest.mark.parametrize("name", ["aiohttp", "requests"])
@linux_only
def test_an_engine_without_a_core_was_ready_to_run(name: str) -> None:
    with Process.start(SPEC, cores=[min(os.sched_getaffinity(0))]) as server:
        found = late(recorded(name, server, starved))
    del found["server"]  # as short of CPU itself, where other tests run
    assert found["run-queue"] > 0.5 * found.total() > 0, found


@linux_only
def test_a_server_that_stands_still_sent_late() -> None:
    with Process.start(SPEC) as server:
        found = late(recorded("floor", server, lambda _: halting(server.pid)))
    del found["run-queue"]
    assert found["server"] > 0.8 * found.total() > 0, found


@pytest.mark.usefixtures("slowed")
def test_collections_and_turns_are_told_as_they_were() -> None:
    with Process.start(SPEC) as server:
        collects, spins = (recorded(name, server).pauses for name in ("collects", "spins"))
    kind, took = collects["kind"], collects["end"] - collects["begin"]
    gc, turn = (PAUSES.index(name) for name in ("gc_pause", "loop_pause"))
    assert gc in kind  # one in a hundred chunks, of which there are few where a machine is busy
    assert took[kind == gc].min() >= 500_000
    assert took[kind == turn].min() >= 1_000_000
    assert turn not in spins["kind"]
