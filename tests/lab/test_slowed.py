"""Clients slowed in a known way: a real engine records the evidence, and their late tokens are put down to it.

Where other tests run, each may be short of CPU too; delay that is put down to that is true, and left out. Causes that
a busy machine hides (waiting for CPU, using it, a late server) are tested with injected samples in
analysis/test_delivery_lag.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from loadgen import store
from loadgen.analysis import delivery_lag
from loadgen.analysis.repeats import repeats_of
from loadgen.capacity import objectives
from loadgen.capacity.objectives import ServerObjectives
from loadgen.lab.engine import Engine
from loadgen.model import PAUSES, ClientId, Limit, Listener, Load, Recording, Simulator, Threshold
from loadgen.simulator.process import Process
from tests.lab.cells import cell

SLOWED = '''
import gc, time
from dataclasses import replace

import httpx

from loadgen.clients.aiohttp import Aiohttp
from loadgen.clients.httpx import HttpxAsync
from loadgen.clients.requests import Requests


class Through:
    """The sink of a stream, with another way for its data."""

    def __init__(self, sink, data):
        self._sink, self.data = sink, data

    def __getattr__(self, name):
        return getattr(self._sink, name)


class Every:
    """Call ``act`` at the first of each fifty chunks of all streams."""

    count = 0

    def slowed(self, sink):
        def on_data(data):
            self.count += 1
            if self.count % 50 == 1:
                self.act()
            sink.data(data)
        return Through(sink, on_data)


class Slowed(Every, Aiohttp):
    async def stream(self, request, sink):
        await super().stream(request, self.slowed(sink))


class Sleeps(Slowed):
    INFO = replace(Aiohttp.INFO, name="sleeps")

    def act(self):
        time.sleep(0.04)


class Dawdles(Aiohttp):
    """Takes 5 ms for each token, in which nothing else of the loop runs."""

    INFO = replace(Aiohttp.INFO, name="dawdles")

    async def stream(self, request, sink):
        def on_data(data):
            time.sleep(0.005 * data.count(b"done"))
            sink.data(data)
        await super().stream(request, Through(sink, on_data))


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
        until = time.thread_time() + 0.04
        while time.thread_time() < until:
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

        await super().stream(request, Through(sink, on_data))
        flush()


class Pooled(HttpxAsync):
    INFO = replace(HttpxAsync.INFO, name="pooled")

    def __init__(self, cell):
        super().__init__(cell)
        self._client = httpx.AsyncClient(limits=httpx.Limits(max_connections=10), timeout=None, trust_env=False)
'''
NAMES = ("Sleeps", "Dawdles", "Collects", "Spins", "Hoards", "Pooled")
SPEC = Simulator(ttft=0.05, gap=0.02, tokens=20, jitter=0.5)
SHORT_OF_CPU = ("cpu", "server")

Recorded = Callable[[str], Recording]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """Record a cell of one of the clients above, which are outsiders; each once."""
    folder = tmp_path_factory.mktemp("slowed")
    (folder / "slowed.py").write_text(SLOWED)
    about = folder / "slowed-1.0.dist-info"
    about.mkdir()
    needed = "".join(f"Requires-Dist: {name}\n" for name in ("aiohttp", "httpx", "requests"))
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: slowed\nVersion: 1.0\n{needed}")
    points = "".join(f"{name.lower()} = slowed:{name}\n" for name in NAMES)
    (about / "entry_points.txt").write_text(f"[loadgen.clients]\n{points}")
    done: dict[str, Recording] = {}
    with pytest.MonkeyPatch.context() as patch, Process(SPEC) as server:
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", str(folder))
        load = Load(requests=1, ramp=0.1)

        def record(name: str) -> Recording:
            if name not in done:
                server.reset()
                wanted = cell(client=ClientId(name), url=server.url, concurrency=20, load=load)
                with contextlib.closing(Engine(wanted, Listener())) as engine:
                    engine.run(lambda: False)
                assert engine.ended == ""
                recording = store.filled(engine.recording(), *engine.take())
                done[name] = replace(recording, server=server.log())
            return done[name]

        yield record


@pytest.mark.parametrize(
    ("name", "cause"),
    [("sleeps", "busy"), ("collects", "gc"), ("hoards", "coalesced"), ("pooled", "connect")],
)
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel does not report it")
def test_what_a_client_does_is_put_down_to_it(recorded: Recorded, name: str, cause: str) -> None:
    (delays,) = delivery_lag.delays_of(repeats_of([recorded(name)])[0])
    found: Counter[str] = Counter()  # cause -> by how much tokens were late in all, ns
    for place, delay in zip(delays.cause.tolist(), delays.delay.tolist(), strict=True):
        found[delivery_lag.CAUSES[place]] += delay
    own = Counter({each: number for each, number in found.items() if each not in SHORT_OF_CPU})
    assert own[cause] > 0.5 * own.total() > 0, found


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel does not report it")
def test_a_client_that_is_slowed_by_5_ms_per_token_is_the_limit_of_a_search(recorded: Recorded) -> None:
    (repeat,) = repeats_of([recorded("dawdles")])
    slow = Threshold(text="total_p95_ms < 1500", metric="total_p95_ms", op="<", value=1500.0)
    found = objectives.read(repeat, ServerObjectives([slow]))
    alone = found.server_figures["total_p95_ms"]
    assert (found.figures["total_p95_ms"] or 0) > 1500 > (alone or 9999)
    # where it was kept from running for longer than it slept, nothing is known
    assert found.limited_by is Limit.CLIENT or not found.counts, found


def test_collections_and_turns_are_reported_as_they_were(recorded: Recorded) -> None:
    collects, spins = (recorded(name).pauses for name in ("collects", "spins"))
    kind, took = collects.kind, collects.end - collects.begin
    gc, turn = (PAUSES.index(kind) for kind in ("gc_pause", "loop_pause"))
    assert gc in kind  # one in fifty chunks, of which there are few where a machine is busy
    assert took[kind == gc].min() >= 500_000
    assert took[kind == turn].min() >= 1_000_000
    assert turn not in spins.kind


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel does not report it")
def test_the_cpu_that_a_client_uses_is_in_the_samples(recorded: Recorded) -> None:
    spins = recorded("spins")
    acts = 1 + (int(spins.streams.reads.sum()) - 1) // 50
    assert np.ptp(spins.cpu_samples.cpu_ns) >= acts * 40_000_000
