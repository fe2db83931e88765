"""Who takes an engine's core: real processes, one of which serves the target from a child, as Ollama does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from loadgen import processes
from loadgen.lab import neighbours
from loadgen.lab.neighbours import Neighbours
from loadgen.model import Neighbour

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports this")

SERVES = """
import os, socket, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
listening = socket.create_server(("127.0.0.1", 0))
child = os.fork()
if not child:
    listening.close()
while not child:
    pass
print(listening.getsockname()[1], child, flush=True)
os.wait()
"""
SPINS = "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])})\nwhile True: pass"
MS = 1_000_000


@pytest.fixture
def core() -> int:
    return max(os.sched_getaffinity(0))


@pytest.fixture
def server(core: int) -> Iterator[tuple[int, int]]:
    """Return the port of a server, and its child, which does the work."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVES, str(core)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        port, child = map(int, parent.stdout.readline().split())
        yield port, child
        os.kill(child, 9)
        parent.kill()


@pytest.fixture
def spinner(core: int) -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", SPINS, str(core)]) as process:
        yield process.pid
        process.kill()


def used(pid: int) -> int:
    found = processes.read(pid)
    assert found is not None
    return found.cpu_ns


def test_who_took_the_core_has_a_name_and_a_role(
    core: int, server: tuple[int, int], spinner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "NAMED", 1000)  # whatever else runs here
    port, child = server
    looks = Neighbours(0, (core,), port)
    looks.look(edge=True)
    first = {pid: used(pid) for pid in (child, spinner, os.getpid())}
    deadline = time.monotonic() + 60
    while any(used(pid) - first[pid] < 200 * MS for pid in first):  # this one works too
        assert time.monotonic() < deadline
    looks.look(edge=True)
    found = {each.pid: each for each in looks.found(1000 * MS, 10_000 * MS)}
    assert {child, spinner} <= found.keys()
    assert (found[child].role, found[spinner].role) == ("target", "")
    assert all("python" in found[pid].name and found[pid].share > 0.15 for pid in (child, spinner))
    assert found.get(os.getpid(), Neighbour(name="", pid=0, share=0, role="loadgen")).role == "loadgen"
    # no more than the kernel counted for others on this core
    assert sum(each.share for each in looks.found(1000 * MS, 100 * MS)) <= 0.1 + 1e-9
    assert looks.found(1000 * MS, None) == looks.found(1000 * MS, 0) == ()


def test_what_is_elsewhere_takes_nothing(core: int, spinner: int) -> None:
    looks = Neighbours(0, (core + 1000,), None)
    looks.look(edge=True)
    begun = used(spinner)
    deadline = time.monotonic() + 60
    while used(spinner) - begun < 100 * MS:
        assert time.monotonic() < deadline
    looks.look(edge=True)
    assert spinner not in {each.pid for each in looks.found(1000 * MS, 1000 * MS)}


def test_looking_is_bounded(core: int, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(processes, "running", lambda _: looked.append(1) or iter(()))
    looks = Neighbours(0, (core,), None)
    looks.look()
    assert looked == []  # the window has not begun
    looks.look(edge=True)
    for _ in range(100):
        looks.look()
    assert len(looked) == 1
    looks.look(edge=True)
    assert len(looked) == 2


def test_of_known_processes_the_cpu_alone_is_read_until_they_have_gone(spinner: int) -> None:
    before = {each.pid: each for each in processes.running()}
    known = {spinner: before[spinner]._replace(name="as it was"), 0: before[spinner]}
    after = {each.pid: each for each in processes.running(known)}
    assert 0 not in after
    assert after[spinner].name == "as it was"
    assert after[os.getpid()].name == before[os.getpid()].name
    assert all(
        each.cpu_ns + processes.TICK_NS >= before[pid].cpu_ns for pid, each in after.items() if pid in before
    )
    while processes.cpu_time_ns(spinner) == after[spinner].cpu_ns:
        pass
    [again] = [each for each in processes.running(after) if each.pid == spinner]
    assert after[spinner].cpu_ns < again.cpu_ns < after[spinner].cpu_ns + 10**12
    assert processes.cpu_time_ns(1 << 22) is None, "no process has this number"


def test_the_servers_of_a_port_are_found(server: tuple[int, int], core: int) -> None:
    port, child = server
    [parent] = processes.servers(port)
    found = processes.read(child)
    assert found is not None
    assert found.parent == parent
    assert processes.cores_of(parent) == {core}
    assert processes.serves(child, port)
    assert processes.serves(parent, port)
    assert not processes.serves(os.getpid(), port)
    assert processes.servers(1) == []
