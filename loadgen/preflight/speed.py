"""Test how fast this machine is, in half a second of CPU time.

Each figure is that of the fastest of many short batches: the others were disturbed. CPU time counts, so what others use
of the core does not.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Final

from loadgen.model import Speed
from loadgen.preflight.cores import pinned
from loadgen.preflight.machine import SAMPLE_S

BATCH: Final = 500  # of each kind of work, that are timed at once
SECONDS: Final = 0.15  # that batches of one kind take
MESSAGE: Final = bytes(200)  # about a token of Ollama


def speed(core: tuple[int, ...]) -> Speed | None:
    """Return how fast the ``core`` is; ``None`` where the machine is not sampled."""
    return measured(core) if SAMPLE_S > 0 else None


def measured(core: tuple[int, ...], seconds: float = SECONDS) -> Speed:
    """Return how fast the ``core`` is."""
    with pinned(core):
        return Speed(
            loop_ns=_fastest(_loop, seconds),
            switch_ns=_switch(seconds),
            trip_ns=_trip(seconds),
        )


def _fastest(batch: Callable[[], object], seconds: float) -> float:
    """Return the CPU nanoseconds of one of ``BATCH`` pieces of work, in the fastest batch."""
    best, end = float("inf"), time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.thread_time_ns()
        batch()
        best = min(best, time.thread_time_ns() - begin)
    return best / BATCH


def _loop() -> None:
    kept: dict[int, tuple[int, str]] = {}
    for n in range(BATCH):
        kept[n & 63] = (n, _text(n))


def _text(n: int) -> str:
    return "even" if n & 1 == 0 else "odd"


def _trip(seconds: float) -> float:
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:
        ours = stack.enter_context(socket.create_connection(server.getsockname()))
        theirs = stack.enter_context(server.accept()[0])
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def batch() -> None:
            for _ in range(BATCH):
                ours.send(MESSAGE)
                theirs.recv(4096)

        return _fastest(batch, seconds)


def _switch(seconds: float) -> float:
    """Return what it takes to wake a thread by a pipe, half of the way there and back."""
    with ExitStack() as stack:
        there, back = _Pipe(), _Pipe()
        stack.enter_context(closing(there))
        stack.enter_context(closing(back))
        used = [0]  # by the other thread

        def answer() -> None:
            while os.read(there.read, 1) == b"b":
                begin = time.thread_time_ns()
                for _ in range(BATCH // 2):
                    os.read(there.read, 1)
                    os.write(back.write, b"a")
                used[0] = time.thread_time_ns() - begin
                os.write(back.write, b"e")

        other = threading.Thread(target=answer, daemon=True)
        other.start()
        best, end = float("inf"), time.monotonic() + seconds
        while time.monotonic() < end:
            os.write(there.write, b"b")
            begin = time.thread_time_ns()
            for _ in range(BATCH // 2):
                os.write(there.write, b"a")
                os.read(back.read, 1)
            mine = time.thread_time_ns() - begin
            os.read(back.read, 1)
            best = min(best, mine + used[0])
        os.write(there.write, b"q")
        other.join()
        return best / BATCH


class _Pipe:
    def __init__(self) -> None:
        self.read, self.write = os.pipe()

    def close(self) -> None:
        os.close(self.read)
        os.close(self.write)
