"""Drive a sync client: a thread for each slot. The sibling of tasks.py, without ``async``.

In a process that gevent has patched before this was imported, a thread is a greenlet and all else stays the same.
"""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from time import perf_counter_ns

from loadgen.clients import Sink, SyncClient, size
from loadgen.engine.core import Engine
from loadgen.engine.pauses import RunWait
from loadgen.engine.pipe import Commands
from loadgen.engine.recorder import StreamRecorder
from loadgen.model import Arrival, Cell


def drive(
    engine: Engine, kind: Callable[[Cell], SyncClient], commands: Commands, start: Callable[[], bool]
) -> None:
    """Make the client, wait for ``start`` and drive every slot to its end."""
    if "stack" in engine.cell.client.options:
        threading.stack_size(size(engine.cell.client.options["stack"]))
    client = kind(engine.cell)
    if not start():
        return
    while not engine.is_finished(now := perf_counter_ns()):
        for arrival in engine.dispatcher.take_due(now):
            threading.Thread(target=_slot, args=(engine, client, arrival), daemon=True).start()
        engine.check(now)
        if select.select([commands.fd], [], [], engine.seconds_to_wake())[0]:
            for line in commands.read():
                engine.run_command(line, perf_counter_ns())


def _slot(engine: Engine, client: SyncClient, first: Arrival) -> None:
    arrival: Arrival | None = first
    wait = RunWait()
    while arrival is not None:
        time.sleep(max(0, arrival.due - perf_counter_ns()) / 1e9)
        recorder = engine.begin_stream(arrival)
        if recorder is None:
            return
        _stream(engine, client, recorder, arrival)
        recorder.run_wait_ns = wait.take()
        arrival = engine.end_stream(recorder, arrival)


def _stream(engine: Engine, client: SyncClient, recorder: StreamRecorder, arrival: Arrival) -> None:
    try:
        sink = Sink(partial(_connected, recorder), recorder.on_headers, recorder.on_data)
        client.stream(engine.request(arrival), sink)
        recorder.finish()
    except Exception as error:
        recorder.fail(error, client.failures)


def _connected(recorder: StreamRecorder, sock: socket.socket) -> None:
    recorder.connected = sock
    recorder.abort = partial(_shutdown, sock)


def _shutdown(sock: socket.socket) -> None:
    # The descriptor of a closed socket, -1, is no other's.
    if sock.fileno() >= 0:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
