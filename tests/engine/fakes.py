"""A client of each shape that plays the same script, and a driver run inside the test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from time import perf_counter_ns
from typing import ClassVar, NamedTuple
from unittest import mock

import pytest

from loadgen import protocols
from loadgen.clients import Failures, Sink
from loadgen.engine import core, dispatcher, tasks, threads
from loadgen.engine.core import Engine
from loadgen.engine.pipe import Commands, Frame, Outbox, Pulse, Reader, Streams
from loadgen.model import Cell, Outcome, Request, Stream


class Odd(Exception):
    """The library's own."""


FOR_EVER = object()
PAUSE_NS = 50_000_000


class Script(NamedTuple):
    """What a request meets: bytes handed over, an exception raised, or FOR_EVER: nothing until it is ended.

    ``status`` None: it never gets as far as the headers.
    """

    status: int | None
    steps: Sequence[bytes | Exception | object]


FAILURES: Failures = ((Odd, "", Outcome.RESET),)


class _Fake:
    failures: ClassVar[Failures] = FAILURES

    def __init__(self, scripts: Mapping[str, Script], cell: Cell) -> None:
        self._scripts = scripts

    def script(self, request: Request) -> Script:
        return next(script for name, script in self._scripts.items() if f'"{name}"'.encode() in request.body)


class FakeSync(_Fake):
    def stream(self, request: Request, sink: Sink) -> None:
        script = self.script(request)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            if script.status is not None:
                sink.connected(ours)
                sink.headers(script.status)
            for step in script.steps:
                if isinstance(step, Exception):
                    raise step
                if step is FOR_EVER:
                    sink.data(ours.recv(1))
                    return
                assert isinstance(step, bytes)
                sink.data(step)


class FakeAsync(_Fake):
    async def stream(self, request: Request, sink: Sink) -> None:
        script = self.script(request)
        if script.status is not None:
            sink.headers(script.status)
        for step in script.steps:
            await asyncio.sleep(0)
            if isinstance(step, Exception):
                raise step
            if step is FOR_EVER:
                await asyncio.Event().wait()
            assert isinstance(step, bytes)
            sink.data(step)


SHAPES: dict[str, tuple[Callable[..., None], type[_Fake]]] = {
    "threads": (threads.drive, FakeSync),
    "tasks": (tasks.drive, FakeAsync),
}


LEFT = [0]  # how many slots had not left when the last engine ended


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check, report and retry more often than an engine does, so that tests wait less."""
    monkeypatch.setattr(core, "CHECK_INTERVAL_NS", 20_000_000)
    monkeypatch.setattr(core, "PULSE_INTERVAL_NS", 20_000_000)
    monkeypatch.setattr(dispatcher, "FAILURE_PAUSE_NS", PAUSE_NS)


def drive(
    shape: str,
    cell: Cell,
    scripts: Mapping[str, Script],
    commands: bytes = b"",
    later: Iterable[tuple[int, bytes]] = (),
    starts: bool = True,
) -> list[Frame]:
    """Run ``cell`` and return the frames that the parent gets.

    The commands are there before it starts; each of ``later`` comes when so many streams are open, one after the other.
    """
    driver, kind = SHAPES[shape]
    command_reader, command_writer = os.pipe()
    frame_reader, frame_writer = os.pipe()
    frames: list[Frame] = []
    steps = deque(later)

    def listen() -> None:
        reader = Reader()
        # Where gevent has patched the process, reading at once would block all of it.
        while select.select([frame_reader], [], []) and (data := os.read(frame_reader, 1 << 16)):
            new = list(reader.feed(data))
            frames.extend(new)
            for frame in new:
                if isinstance(frame, Pulse) and steps and frame.open == steps[0][0]:
                    os.write(command_writer, steps.popleft()[1])

    loops: list[asyncio.AbstractEventLoop] = []
    make = tasks._new_loop
    listener = threading.Thread(target=listen)
    listener.start()
    try:
        os.write(command_writer, commands)
        engine = Engine(cell, protocols.load(cell.workload.protocol), Outbox(frame_writer))

        def start() -> bool:
            if starts:
                engine.start(perf_counter_ns())
            return starts

        def new_loop(engine: Engine) -> asyncio.AbstractEventLoop:
            loops.append(make(engine))
            return loops[-1]

        with mock.patch.object(tasks, "_new_loop", new_loop):
            driver(engine, partial(kind, scripts), Commands(command_reader), start)
        LEFT[:] = [engine.dispatcher.running]
        engine.close()
    finally:
        for loop in loops:  # an engine's process ends instead
            loop.close()
        os.close(frame_writer)
        listener.join()
        for end in (command_reader, command_writer, frame_reader):
            with contextlib.suppress(OSError):
                os.close(end)
    return frames


def streams(frames: Sequence[Frame]) -> list[Stream]:
    """In the order of their slots, and within a slot as they came."""
    found = [stream for frame in frames if isinstance(frame, Streams) for stream in frame.streams]
    return sorted(found, key=lambda stream: (stream.slot, stream.start))
