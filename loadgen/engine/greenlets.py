"""Drives a sync client on gevent: a greenlet per slot. The third of threads.py and tasks.py.

For a process in which gevent has replaced what blocks, before the client's library was imported.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter_ns

import gevent
from gevent.select import select

from loadgen.clients import Sink, SyncClient
from loadgen.engine.core import Engine, Orders
from loadgen.model import Cell


def drive(engine: Engine, kind: Callable[[Cell], SyncClient], orders: Orders, go: Callable[[], bool]) -> None:
    """Make the client, wait for ``go`` and drive every slot to its end."""
    client = kind(engine.cell)
    if not go():
        return
    now = perf_counter_ns()
    for line in orders.left():
        engine.order(line, now)
    while not engine.finished(now):
        for slot, due in engine.due(now):
            gevent.spawn(_slot, engine, client, slot, due)
        for recorder in engine.tick(now):
            recorder.abort()
        wait = (engine.wake() - perf_counter_ns()) / 1e9
        if select([orders.fd], [], [], max(0.0, wait))[0]:
            for line in orders.read():
                engine.order(line, perf_counter_ns())
        now = perf_counter_ns()


def _slot(engine: Engine, client: SyncClient, slot: int, due: int | None) -> None:
    done = 0
    while due is not None:
        gevent.sleep(max(0, due - perf_counter_ns()) / 1e9)
        if engine.leaves(slot, due):
            return
        ok = _stream(engine, client, slot, due, done)
        done += 1
        due = engine.again(slot, done, ok, perf_counter_ns())


def _stream(engine: Engine, client: SyncClient, slot: int, due: int, done: int) -> bool:
    recorder = engine.watch(slot, due)
    greenlet = gevent.getcurrent()
    assert isinstance(greenlet, gevent.Greenlet)
    recorder.abort = partial(greenlet.kill, block=False)
    try:
        sink = Sink(lambda _: None, recorder.on_headers, recorder.on_data)
        client.stream(engine.request(slot, done), sink)
        recorder.finish()
    except (Exception, gevent.GreenletExit) as error:
        recorder.fail(error, client.failures)
    return engine.ended(recorder)
