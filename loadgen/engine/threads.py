"""Drives a sync client: a thread per slot. The control of tasks.py."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from time import perf_counter_ns

from loadgen.clients import Sink, SyncClient, size
from loadgen.engine.core import Engine, Orders
from loadgen.engine.pauses import Wait
from loadgen.engine.recorder import StreamRecorder
from loadgen.model import Cell


def drive(engine: Engine, kind: Callable[[Cell], SyncClient], orders: Orders, go: Callable[[], bool]) -> None:
    """Make the client, wait for ``go`` and drive every slot to its end."""
    if "stack" in engine.cell.client.options:
        threading.stack_size(size(engine.cell.client.options["stack"]))
    client = kind(engine.cell)
    if not go():
        return
    now = perf_counter_ns()
    for line in orders.left():
        engine.order(line, now)
    while not engine.finished(now):
        for slot, due in engine.due(now):
            threading.Thread(target=_slot, args=(engine, client, slot, due), daemon=True).start()
        for recorder in engine.tick(now):
            recorder.abort()
        wait = (engine.wake() - perf_counter_ns()) / 1e9
        if select.select([orders.fd], [], [], max(0.0, wait))[0]:
            for line in orders.read():
                engine.order(line, perf_counter_ns())
        now = perf_counter_ns()


def _slot(engine: Engine, client: SyncClient, slot: int, due: int | None) -> None:
    done, wait = 0, Wait()
    while due is not None:
        time.sleep(max(0, due - perf_counter_ns()) / 1e9)
        if engine.leaves(slot, due):
            return
        ok = _stream(engine, client, slot, due, done, wait)
        done += 1
        due = engine.again(slot, done, ok, perf_counter_ns())


def _stream(engine: Engine, client: SyncClient, slot: int, due: int, done: int, wait: Wait) -> bool:
    recorder = engine.watch(slot, due)
    try:
        sink = Sink(partial(_connected, recorder), recorder.on_headers, recorder.on_data)
        client.stream(engine.request(slot, done), sink)
        recorder.finish()
    except Exception as error:
        recorder.fail(error, client.failures)
    recorder.run_wait_ns = wait.since()
    return engine.ended(recorder)


def _connected(recorder: StreamRecorder, sock: socket.socket) -> None:
    recorder.abort = partial(_shutdown, sock)


def _shutdown(sock: socket.socket) -> None:
    # The descriptor of a closed socket, -1, is no other's.
    if sock.fileno() >= 0:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
