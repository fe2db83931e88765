"""Pauses are recorded, and asyncio's selector stays what it was."""

from __future__ import annotations

import gc
import os
import selectors
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator

import pytest

from loadgen.engine import pauses
from loadgen.engine.pipe import Pauses
from loadgen.model import ClientId, Pause
from tests.engine.fakes import Script, drive
from tests.lab.cells import cell

END = b'{"response":"a","done":true}\n'
OTHER = """
import os, time
os.sched_setaffinity(0, {core})
print(flush=True)
end = time.monotonic() + 5
while time.monotonic() < end: pass
"""


MS = 1_000_000


class Clock:
    """Stands still, but for ``later`` nanoseconds after the next reading."""

    def __init__(self) -> None:
        self.now = self.later = 0

    def __call__(self) -> int:
        now, self.now, self.later = self.now, self.now + self.later, 0
        return now


def busy(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pauses, "perf_counter_ns", made)
    return made


@pytest.fixture
def watched() -> Iterator[pauses.PauseWatcher]:
    found = pauses.PauseWatcher()
    found.start()
    yield found
    found.close()


def test_long_collections_are_recorded_and_no_others(watched: pauses.PauseWatcher, clock: Clock) -> None:
    for took in (MS, pauses.MIN_GC_PAUSE_NS, pauses.MIN_GC_PAUSE_NS - 1):
        watched._on_gc("start", {})
        clock.now += took
        watched._on_gc("stop", {})
    assert watched.take() == [("gc_pause", 0, MS), ("gc_pause", MS, MS + pauses.MIN_GC_PAUSE_NS)]
    assert watched.take() == []


def test_the_collector_calls_the_watcher(
    watched: pauses.PauseWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pauses, "MIN_GC_PAUSE_NS", 0)
    begin = time.perf_counter_ns()
    gc.collect()
    found = watched.take()
    assert {one.kind for one in found} == {"gc_pause"}
    assert all(begin < one.begin < one.end for one in found)


def test_a_closed_watcher_records_no_collection(watched: pauses.PauseWatcher) -> None:
    before = len(gc.callbacks)
    watched.close()
    watched.close()
    assert len(gc.callbacks) == before - 1


@pytest.mark.parametrize(
    "kind", dict.fromkeys([pauses._PortableSelector, pauses._Selector]), ids=lambda kind: kind.__name__
)
def test_turns_that_take_long_are_recorded(kind: type[pauses._PortableSelector], clock: Clock) -> None:
    found: deque[Pause] = deque()
    with kind(found) as selector:
        reader, writer = os.pipe()
        selector.register(reader, selectors.EVENT_READ)
        for turn, wait in ((MS - 1, 20 * MS), (5 * MS, 30 * MS), (MS, 0)):
            clock.now += turn
            clock.later = wait  # in the selector, which is no turn however long
            assert selector.select(0) == []
        for end in (reader, writer):
            os.close(end)
    begin = 21 * MS - 1
    assert list(found) == [
        ("loop_pause", begin, begin + 5 * MS),
        ("loop_pause", begin + 35 * MS, begin + 36 * MS),
    ]


def test_the_selector_answers_as_the_standard_librarys() -> None:
    reader, writer = os.pipe()
    with pauses.PauseWatcher().selector() as ours, selectors.DefaultSelector() as theirs:
        try:
            for selector in (ours, theirs):
                selector.register(reader, selectors.EVENT_READ, "read")
                selector.register(writer, selectors.EVENT_WRITE, "write")
            assert ours.select(0) == theirs.select(0) == ours.select() == ours.select(5)
            os.write(writer, b"x")
            assert sorted(ours.select(-1)) == sorted(theirs.select(-1))
            assert len(ours.select(0)) == 2
            for selector in (ours, theirs):
                selector.unregister(writer)
            os.close(writer)
            assert os.read(reader, 1) == b"x"
            assert ours.select(0) == theirs.select(0)  # the other end is gone
        finally:
            os.close(reader)


def test_a_selector_that_waits_does_not_return_early() -> None:
    with pauses.PauseWatcher().selector() as selector:
        begin = time.monotonic()
        assert selector.select(0.0035) == []
        assert time.monotonic() - begin >= 0.0035


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_thread_waits_for_a_core_while_others_have_it() -> None:
    core = {min(os.sched_getaffinity(0))}
    found: list[int | None] = []

    def wait() -> None:
        os.sched_setaffinity(0, core)
        own = pauses.RunWait()
        busy(0.05)
        found.append(own.take())

    # Threads of one interpreter would wait for the GIL, and not for a core.
    other = subprocess.Popen([sys.executable, "-c", OTHER.format(core=core)], stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    try:
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    finally:
        other.kill()
        other.communicate()
    assert found[0] is not None
    assert found[0] > 5e6


def test_without_proc_there_is_no_run_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> int:
        raise FileNotFoundError

    found: list[int | None] = []

    def take() -> None:
        wait = pauses.RunWait()
        monkeypatch.setattr(pauses.os, "open", missing)
        found.append(wait.take())
        monkeypatch.undo()
        found.extend([wait.take(), wait.take()])

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    assert found[:2] == [None, None]  # since when is not known
    assert found[2] is not None or sys.platform != "linux"


def test_the_main_thread_has_no_run_wait() -> None:
    wait = pauses.RunWait()
    assert wait.take() is None


def test_what_was_found_reaches_the_parent_before_the_engine_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "MIN_LOOP_PAUSE_NS", 0)
    before = list(gc.callbacks)
    frames = drive("tasks", cell(client=ClientId("aiohttp")), {"Why?": Script(200, [END] * 100)})
    turns = [
        one
        for frame in frames
        if isinstance(frame, Pauses)
        for one in frame.pauses
        if one.kind == "loop_pause"
    ]
    assert len(turns) > 100  # one for each chunk, of both streams
    assert turns == sorted(turns)
    assert gc.callbacks == before
