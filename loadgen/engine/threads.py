"""Drive a sync client: a thread for each slot, or each open stream. The sibling of tasks.py, without ``async``.

In a process that gevent has patched before this was imported, a thread is a greenlet and all else stays the same.
"""

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable
from functools import partial
from time import perf_counter_ns

from loadgen.clients import SyncClient, size
from loadgen.engine.core import Engine
from loadgen.engine.pauses import RunWait
from loadgen.engine.pipe import Commands
from loadgen.engine.schedule import Schedule
from loadgen.model import Arrival, Cell

LEAD_NS = 2_000_000  # a thread gets an arrival so long before it is due: it has started, or woken up, by then


def drive(
    engine: Engine, kind: Callable[[Cell], SyncClient], commands: Commands, start: Callable[[], bool]
) -> None:
    """Make the client, wait for ``start`` and drive every slot to its end."""
    if "stack" in engine.cell.client.options:
        threading.stack_size(size(engine.cell.client.options["stack"]))
    client = kind(engine.cell)
    if not start():
        return
    if isinstance(engine.dispatcher, Schedule):
        engine.dispatcher.lead = LEAD_NS
    of = engine.cell.workload
    run = _Threads(engine, client, keep=of.load.is_open or bool(of.conversations)).run
    watched = [commands.fd]
    if of.conversations:
        woken, wakes = os.pipe()
        os.set_blocking(wakes, False)
        engine.wake = partial(_wake, wakes)
        watched.append(woken)
    while not engine.is_finished(now := perf_counter_ns()):
        for arrival in engine.dispatcher.take_due(now):
            run(arrival)
        engine.check(now)
        wait = max(0, engine.wakes_at() - perf_counter_ns()) / 1e9
        ready = select.select(watched, [], [], wait)[0]
        if commands.fd in ready:
            for line in commands.read():
                engine.run_command(line, perf_counter_ns())
        for woken in {*ready} - {commands.fd}:
            os.read(woken, 1 << 16)


def _wake(fd: int) -> None:
    with contextlib.suppress(BlockingIOError):  # it will wake up
        os.write(fd, b"w")


class _Threads:
    """Run arrivals, each on a thread: the one that became idle last, or a new one where there is none.

    Without ``keep`` a thread ends, and with it its connections, when it has nothing more to do.
    """

    def __init__(self, engine: Engine, client: SyncClient, *, keep: bool) -> None:
        self._engine, self._client, self._keep = engine, client, keep
        self._idle: list[_Idle] = []

    def run(self, arrival: Arrival) -> None:
        """Run the arrival on a thread; called from one only."""
        try:
            thread = self._idle.pop()
        except IndexError:
            threading.Thread(target=self._serve, args=(arrival,), daemon=True).start()
            return
        thread.arrival = arrival
        thread.wakes.release()

    def _serve(self, arrival: Arrival) -> None:
        _slot(self._engine, self._client, arrival)  # no partial: a call through C takes a page of each stack
        idle = _Idle(arrival)
        while self._keep:
            self._idle.append(idle)
            idle.wakes.acquire()
            _slot(self._engine, self._client, idle.arrival)


class _Idle:
    """A thread that waits for its next arrival."""

    def __init__(self, arrival: Arrival) -> None:
        self.arrival = arrival
        self.wakes = threading.Lock()
        self.wakes.acquire()


def _slot(engine: Engine, client: SyncClient, first: Arrival) -> None:
    arrival: Arrival | None = first
    wait = RunWait()
    while arrival is not None:
        request = engine.request(arrival)
        if (early := arrival.due - perf_counter_ns()) > 0:
            time.sleep(early / 1e9)
        recorder = engine.begin_stream(arrival)
        if recorder is None:
            return
        try:
            client.stream(request, recorder)
            recorder.finish()
        except Exception as error:
            recorder.fail(error, client.failures)
        recorder.run_wait_ns = wait.take()
        arrival = engine.end_stream(recorder, arrival)
