"""Where the system has less than Linux, macOS above all, the engine runs all the same."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from loadgen.clients import version
from loadgen.engine import pipe, system
from loadgen.engine.pipe import Done, Edge
from loadgen.model import ClientId, Load, Outcome
from tests.clients.conditions import CHUNKED, END, LAST, TOKEN, chunk, says
from tests.clients.raw import Raw
from tests.engine.test_process import Live
from tests.lab.cells import cell

# An interpreter imports it before anything else. Its own /proc stays, but nothing finds the threads' there.
LESS = """
import fcntl, os, select, sys
for module in (select, fcntl, os):
    for name in dir(module):
        if name.lower().startswith(("epoll", "f_setpipe", "sched_setaff", "sched_getaff")):
            delattr(module, name)
opened = os.open
def without_proc(path, *rest, **more):
    if str(path).startswith("/proc"):
        raise FileNotFoundError(path)
    return opened(path, *rest, **more)
os.open = without_proc
import selectors
assert not hasattr(selectors, "EpollSelector")
print("there is no epoll", file=sys.stderr)
"""


@pytest.mark.parametrize("name", ["requests", "aiohttp", "requests-gevent", "floor"])
def test_a_cell_without_epoll(name: str, tmp_path: Path) -> None:
    if version(name) is None:
        pytest.skip(f"{name} is not installed")
    (tmp_path / "sitecustomize.py").write_text(LESS)
    with Raw({"Why?": says(CHUNKED, chunk(TOKEN), chunk(END), LAST)}) as server:
        wanted = cell(client=ClientId(name), url=server.url, load=Load(requests=2), cores=(0,))
        with Live(wanted, PYTHONPATH=str(tmp_path)) as engine:
            engine.start()
            assert b"there is no epoll" in engine.rest(orphaned=False)
            assert [stream.outcome for stream in engine.streams] == [Outcome.OK] * 4
            assert [stream.run_wait_ns for stream in engine.streams] == [None] * 4
            assert sum(isinstance(frame, Edge) for frame in engine.frames) == 2
            assert isinstance(engine.frames[-1], Done)


def test_without_resource_the_cpu_is_known_and_switches_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "resource", None)
    totals = system.totals(at=0)
    assert totals.cpu_ns
    assert (totals.voluntary, totals.involuntary) == (None, None)
    system.raise_open_files()


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
        system.raise_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_system_that_refuses_the_hard_limit_gives_what_it_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[tuple[int, int]] = []

    def refuse(_: int, limits: tuple[int, int]) -> None:
        requested.append(limits)
        if limits[0] > system.OPEN_MAX:
            raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(system.resource, "getrlimit", lambda _: (256, 1 << 60))
    monkeypatch.setattr(system.resource, "setrlimit", refuse)
    system.raise_open_files()
    assert requested == [(1 << 60, 1 << 60), (system.OPEN_MAX, 1 << 60)]


def test_pipes_need_not_be_enlarged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pipe, "fcntl", None)
    with (tmp_path / "out").open("wb") as file:
        pipe.Outbox(file.fileno()).send(Done())
    assert (tmp_path / "out").stat().st_size > 4
