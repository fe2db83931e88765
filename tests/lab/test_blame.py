"""Who is blamed for late tokens: a real engine that is not let run, or whose server or proxy is late."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loadgen import analysis, proc, store
from loadgen.analysis import delivery_lag
from loadgen.analysis.repeats import repeats_of
from loadgen.capacity.readings import Budget, read
from loadgen.lab.engine import Engine
from loadgen.model import (
    PAUSES,
    ClientId,
    CpuSample,
    CpuSampleTable,
    Limit,
    Listener,
    Load,
    Pause,
    Progress,
    Recording,
    Simulator,
    Summary,
    Validity,
)
from loadgen.simulator.process import Process
from tests import synthetic
from tests.distributed.relay import Relay
from tests.lab.cells import cell

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports this")

SPEC = Simulator(ttft=0.05, gap=0.02, tokens=100)
STOP_S = 1.5
GROUPS = Path("/sys/fs/cgroup")


class Halts(Listener):
    """Calls ``halt`` when streams are open, once."""

    def __init__(self, halt: Callable[[int], None]) -> None:
        self.pid = 0
        self._halt, self._halted = halt, False

    def progress(self, progress: Progress) -> None:
        if progress.open and not self._halted:
            self._halted = True
            self._halt(self.pid)


def halted(client: str, halt: Callable[[int], None], concurrency: int = 4) -> Recording:
    with Process(SPEC) as server:
        return recorded(server, server.url, client, halt, concurrency)


def recorded(
    server: Process, url: str, client: str, halt: Callable[[int], None] = lambda _: None, concurrency: int = 4
) -> Recording:
    """Record a cell; ``halt`` gets the engine's process when streams are open."""
    listener = Halts(halt)
    wanted = cell(client=ClientId(client), url=url, concurrency=concurrency, load=Load(requests=2))
    with contextlib.closing(Engine(wanted, listener)) as engine:
        listener.pid = engine.pid
        engine.run(lambda: False)
    assert engine.ended == ""
    log = replace(server.log(), late_p50_ms=0.1, late_p99_ms=0.5)  # whatever else runs on this machine
    return replace(store.filled(engine.recording(), *engine.take()), server=log)


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(STOP_S, os.kill, (pid, signal.SIGCONT)).start()


def throttle(pid: int) -> None:
    """Put the process into a group that may use a fiftieth of a core."""
    (own_group() / "cgroup.procs").write_text(str(pid))


def own_group() -> Path:
    return GROUPS / "cpu" / f"loadgen-test-{os.getpid()}"


@pytest.fixture
def quota() -> Iterator[None]:
    group = own_group()
    try:
        group.mkdir()
        (group / "cpu.cfs_quota_us").write_text("2000")
        (group / "cpu.cfs_period_us").write_text("100000")
    except OSError:
        pytest.skip("control groups cannot be made here")
    yield
    group.rmdir()


def summarised(recording: Recording) -> Summary:
    (summary,) = analysis.summarise(synthetic.run(".", [recording]))
    return summary


def caused(recording: Recording) -> Counter[str]:
    """Return cause -> by how many ms tokens were late in all."""
    (delays,) = delivery_lag.delays_of(repeats_of([recording])[0])
    found: Counter[str] = Counter()
    for place, delay in zip(delays.cause.tolist(), delays.delay.tolist(), strict=True):
        found[delivery_lag.CAUSES[place]] += delay / 1e6
    return found


def kinds(recording: Recording) -> list[str]:
    return [PAUSES[kind] for kind in recording.pauses.kind.tolist()]


@pytest.mark.parametrize("client", ["aiohttp", "requests", "floor"])
def test_a_stopped_engine_is_named(client: str) -> None:
    recording = halted(client, stop)
    (place,) = [n for n, kind in enumerate(kinds(recording)) if kind == "stopped"]
    took = (recording.pauses.end - recording.pauses.begin)[place] / 1e9
    assert 0.8 * STOP_S < took < STOP_S + 0.5
    found = caused(recording)
    assert found["stopped"] > 0.5 * found.total() > 0, found
    summary = summarised(recording)
    assert len(recording.streams) < 100  # no percentile of the TTFT would judge the lag
    assert summary.value("ttft_p99_ms") is None
    assert summary.limited_by is Limit.MACHINE
    assert summary.validity is Validity.SUSPECT


def test_an_engine_that_waits_is_not_stopped() -> None:
    recording = halted("floor", lambda _: None)
    assert not {"stopped", "throttled"} & set(kinds(recording))
    assert summarised(recording).value("stopped_percent") == 0


def test_a_real_quota_is_named(quota: None, monkeypatch: pytest.MonkeyPatch) -> None:
    # the engine of this test comes into the group after its start
    monkeypatch.setattr(proc, "groups", lambda *_: iter([own_group()]))
    recording = halted("aiohttp", throttle, concurrency=60)
    assert "throttled" in kinds(recording)
    summary = summarised(recording)
    assert (summary.value("throttled_percent") or 0) > 1
    assert summary.limited_by is Limit.MACHINE
    found = caused(recording)
    assert found["throttled"] > 0.3 * found.total() > 0, found
    assert found["unexplained"] < 0.2 * found.total(), found


def test_one_of_two_stopped_engines_is_enough() -> None:
    parts = synthetic.split(synthetic.recording(concurrency=20, streams=40))
    assert summarised_parts(parts).validity is Validity.VALID
    begin = parts[1].start + 100 * synthetic.MS
    stopped = store.table_of_pauses([Pause("stopped", begin, begin + 2000 * synthetic.MS)])
    summary = summarised_parts([parts[0], replace(parts[1], pauses=stopped)])
    assert (summary.limited_by, summary.validity) == (Limit.MACHINE, Validity.SUSPECT)


def summarised_parts(parts: list[Recording]) -> Summary:
    (summary,) = analysis.summarise(synthetic.run(".", [with_samples(part) for part in parts]))
    return summary


def with_samples(recording: Recording) -> Recording:
    samples = [CpuSample(recording.start + n * 10 * synthetic.MS, n * synthetic.MS, 0) for n in range(300)]
    return replace(recording, cpu_samples=store.table_of(CpuSampleTable, samples))


@pytest.mark.parametrize("client", ["aiohttp", "requests", "floor", "httpx-async", "curl_cffi-async"])
def test_a_request_that_the_server_takes_late_is_not_the_clients(client: str) -> None:
    """The kernel connects and takes the request for a server that is stopped."""
    with Process(SPEC) as server:
        pid = server.pid

        def go_on(_: int) -> None:
            threading.Timer(0.5, os.kill, (pid, signal.SIGCONT)).start()

        os.kill(pid, signal.SIGSTOP)
        recording = recorded(server, server.url, client, go_on)
    (repeat,) = repeats_of([recording])
    (m,) = repeat.parts
    late = m.send_delay > 400 * synthetic.MS
    assert late.sum() >= 4
    assert (m.to_wire[late] >= 0).all()
    causes = delivery_lag.by_cause([repeat], first=True)
    assert causes["unreceived"] > 0.5, causes
    assert causes.get("connect", 0) < 0.1, causes
    assert summarised(recording).limited_by is not Limit.CLIENT


@pytest.mark.parametrize("client", ["aiohttp", "requests"])
def test_a_proxy_that_holds_tokens_is_nothing_that_the_client_shows(client: str) -> None:
    slow = replace(SPEC, gap=0.05)
    with Process(slow) as server, Relay(int(server.url.rpartition(":")[2]), held_s=0.03) as proxy:
        recording = recorded(server, f"http://127.0.0.1:{proxy.port}", client)
    (repeat,) = repeats_of([recording])
    causes = delivery_lag.by_cause([repeat], first=False)
    assert causes["unexplained"] > 0.5, causes
    summary = summarised(recording)
    assert (summary.value("lag_p50_ms") or 0) > 29
    assert summary.limited_by is None
    quiet = replace(recording, machine=None)  # whatever else runs on this machine
    found = read(repeats_of([quiet])[0], Budget(lag_p99_ms=10.0, errors=None, ttft=None))
    assert (found.verdict, found.obstacle and found.obstacle.kind) == ("unmeasured", "unexplained")
