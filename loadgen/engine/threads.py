"""Drives a sync client: a thread per slot. The twin of tasks.py."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from functools import partial
from time import perf_counter_ns

from loadgen.clients import SyncClient
from loadgen.engine.core import Engine, Orders


def run(engine: Engine, client: SyncClient, orders: Orders) -> None:
    """Drive every slot to its end."""
    now = perf_counter_ns()
    while not engine.finished(now):
        for slot, due in engine.due(now):
            threading.Thread(target=_slot, args=(engine, client, slot, due), daemon=True).start()
        for stopwatch in engine.tick(now):
            stopwatch.abort()
        wait = (engine.wake() - perf_counter_ns()) / 1e9
        if select.select([orders.fd], [], [], max(0.0, wait))[0]:
            for line in orders.read():
                engine.order(line, perf_counter_ns())
        now = perf_counter_ns()


def _slot(engine: Engine, client: SyncClient, slot: int, due: int | None) -> None:
    done = 0
    while due is not None:
        _stream(engine, client, slot, due, done)
        done += 1
        due = engine.again(slot, done, perf_counter_ns())
    engine.leave(slot)


def _stream(engine: Engine, client: SyncClient, slot: int, due: int, done: int) -> None:
    stopwatch = engine.watch(slot, due)
    try:
        with client.open(engine.request(slot, done)) as response:
            if response.socket is not None:
                stopwatch.abort = partial(_shutdown, response.socket)
            stopwatch.answered(response.status)
            for chunk in response.chunks:
                stopwatch.read(chunk)
        stopwatch.finish()
    except Exception as error:
        stopwatch.fail(error, client.failures)
    engine.ended(stopwatch)


def _shutdown(sock: socket.socket) -> None:
    # The descriptor of a closed socket, -1, is no other's.
    if sock.fileno() >= 0:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
