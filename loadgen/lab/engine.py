"""Controls one engine: a fresh process that measures one cell, sampled from outside while it runs."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import math
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import numpy as np

from loadgen import clients, distributions, files, interpreters, model, proc
from loadgen.engine.hiding import HIDDEN
from loadgen.engine.pipe import Done, Edge, Failed, Pauses, Pulse, Reader, Ready, Streams
from loadgen.lab.sampler import Sampler
from loadgen.lab.spool import Keep, Rows, Spool
from loadgen.model import Cell, Listener, Outcome, Progress, Recording, RecordingInfo, Stream
from loadgen.preflight.target import within

SAMPLE_INTERVAL_S: Final = 0.1
LEAD_NS: Final = 30_000_000  # from the start command to the first stream
RESOLVE_TIMEOUT_S: Final = 2.0
STOP_TIMEOUT_S: Final = 10.0  # from the stop command until the engine is killed
INTERRUPTED: Final = "interrupted"  # why a cell ended that was commanded to
SPARE_S: Final = 30.0  # that an engine may outlast its own timeouts
# Flags of Python that would change what is measured.
DROPPED: Final = {
    f"PYTHON{flag}"
    for flag in ("MALLOC", "TRACEMALLOC", "DEVMODE", "PROFILEIMPORTTIME", "ASYNCIODEBUG", "INSPECT")
}


def soon() -> int:
    """Return the mark at which an engine that is ready now is to start."""
    return time.perf_counter_ns() + LEAD_NS


def record(
    cell: Cell,
    listener: Listener,
    interrupted: Callable[[], bool],
    keep: Keep | None = None,
    start: Callable[[], int] = soon,
) -> Recording:
    """Run ``cell`` with one engine, to its end or until ``interrupted()``, and return what it left.

    With ``keep`` that is saved while it runs, and returned without the files that are full by then. ``start`` is called
    when the engine is ready, and returns the mark of its start; 0: it shall not.
    """
    spool = Spool(keep)
    with contextlib.closing(Engine(cell, listener, start)) as engine:
        engine.run(interrupted, lambda: spool.add(engine.take(), engine.recording))
    spool.add(engine.take(), engine.recording)
    return spool.recording(engine.recording())


class Engine:
    """One engine process and what it has reported. ``start`` is its first mark; 0 until it has been started.

    ``ended`` is why it did not run to its end; empty when it did.
    """

    def __init__(self, cell: Cell, listener: Listener, start: Callable[[], int] = soon) -> None:
        self.cell = cell
        self.start = 0
        self._name = str(cell.engine or "the engine")
        self.ended = f"{self._name} never got ready"
        self._listener, self._start_mark = listener, start
        self._streams: list[Stream] = []
        self._pauses: list[model.Pause] = []
        self._same_host = is_here(cell.url)
        self._clock = [proc.clock_tie()]
        self._tokens_ended = self._streams_ended = self._failed = self._last_end = self._open = (
            self._not_started
        ) = 0
        self._gil: str | None = None
        self._reader = Reader()
        self._stderr = files.scratch()
        # A session of its own: Ctrl-C in the terminal is for us, and we command the engine.
        python = interpreters.of(cell.client)
        # Another interpreter is measured as it is.
        hidden = () if python else distributions.hidden(cell.client, cell.workload.protocol)
        self._process = subprocess.Popen(
            [python or sys.executable, "-P", "-m", "loadgen.engine"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,
            bufsize=0,
            env=environment() | {HIDDEN: " ".join(hidden)},
        )
        self.pid = self._process.pid
        self._sampler = Sampler(self.pid, cell.cores, port_of(cell.url) if self._same_host else None)

    def run(self, interrupted: Callable[[], bool], sampled: Callable[[], None] = lambda: None) -> None:
        """Drive the cell to its end, or until ``interrupted()``; what went wrong is in ``ended``.

        ``sampled`` is called after every sample, ten times a second.
        """
        assert self._process.stdout is not None
        out = self._process.stdout.fileno()
        self._write(msgspec.json.encode(self.cell))
        deadline = time.monotonic() + longest(self.cell)
        next_sample = time.monotonic()
        stopped = False
        poll = select.poll()
        poll.register(out, select.POLLIN)
        while self.ended:
            if self.start:
                reported = self._sampler.sample_cpu_until(next_sample, poll.poll)
            else:
                reported = bool(poll.poll(1000 * max(0.0, next_sample - time.monotonic())))
            if reported:
                data = os.read(out, 1 << 20)
                if not data:
                    self.ended = f"{self._name} died ({self._death()})"
                    return
                for frame in self._reader.feed(data):
                    if isinstance(frame, Failed):
                        self.ended = f"{self._name} failed: {frame.message}"
                        return
                    self._handle(frame)
                    if isinstance(frame, Done) and frame.ended:
                        return
            now = time.monotonic()
            if now >= next_sample:
                next_sample = max(next_sample + SAMPLE_INTERVAL_S, now)
                if self.start:
                    self._sampler.sample(self._open)
                    sampled()
            if interrupted() and not stopped:
                if not self.start:  # an engine that waits for its start takes no other command
                    self.ended = INTERRUPTED
                    return
                stopped = True
                self.command(stop=True)
                deadline = min(deadline, now + STOP_TIMEOUT_S)
            if now > deadline:
                self.ended = f"{self._name} did not end and was killed"
                return
        if stopped:
            self.ended = INTERRUPTED

    def _handle(self, frame: object) -> None:
        match frame:
            case Ready():
                self._sampler.begin()
                if not (mark := self._start_mark()):
                    return
                self.start = mark
                self.ended = f"loadgen itself was ended before {self._name}"
                self.command(start=self.start)
            case Edge(totals):
                self._sampler.edge(totals)
            case Streams(streams):
                self._streams += streams
                self._tokens_ended += int(
                    np.frombuffer(b"".join(each.counts for each in streams), "<u2").sum()
                )
                self._streams_ended += len(streams)
                self._last_end = max([self._last_end, *(stream.end for stream in streams)])
                self._failed += sum(stream.outcome not in (Outcome.OK, Outcome.STOPPED) for stream in streams)
                self._listener.ended(streams, self.recording)
            case Pulse():
                self._open = frame.open
                progress = Progress(
                    elapsed=(frame.at - self.start) / 1e9,
                    open=frame.open,
                    tokens=self._tokens_ended + frame.text_events,
                    ended=self._streams_ended,
                    failed=self._failed,
                )
                self._listener.progress(progress)
            case Pauses(pauses):
                self._pauses += pauses
            case Done():
                self.ended, self._not_started, self._gil = frame.ended, frame.not_started, frame.gil

    def command(self, **command: object) -> None:
        """Send the engine ``stop=True``, ``add=[slot, …]``, or ``streams=n, grace=seconds``."""
        self._write(json.dumps(command).encode())

    def take(self) -> Rows:
        """Return the rows received since the last call, and drop them here."""
        samples, pauses, cpu_samples = self._sampler.take()
        rows = Rows(self._streams, samples, self._pauses + pauses, cpu_samples)
        self._streams, self._pauses = [], []
        return rows

    def recording(self) -> RecordingInfo:
        """Return the recording, as of now, without its tables."""
        cell, sampler, load = self.cell, self._sampler, self.cell.workload.load
        start = self.start or self._clock[0][0]
        begin = start + int(load.warmup * 1e9)
        end = max(begin, self._last_end)
        if load.seconds is not None:
            planned = start + int(load.seconds * 1e9)
            end = min(end, planned) if self.ended else planned
        return RecordingInfo(
            index=cell.index,
            client=replace(cell.client, python=None),
            mode=clients.info(cell.client.name).mode,
            level=cell.level,
            repeat=cell.repeat,
            workload=replace(cell.workload, prompts=()),
            ended=self.ended,
            start=start,
            window=(begin, end),
            clock=(self._clock[0], self._clock[1] if len(self._clock) > 1 else proc.clock_tie()),
            same_host=self._same_host,
            simulated=cell.simulated,
            base_rss_kib=sampler.base.rss_kib,
            base_threads=sampler.base.threads,
            edges=(sampler.edges[0], sampler.edges[-1]) if len(sampler.edges) > 1 else (),
            machine=sampler.machine(),
            server=None,
            engine=cell.engine,
            share=cell.places if cell.engine else None,
            not_started=self._not_started,
            gil=self._gil,
        )

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its end is read from its output
            self._process.stdin.write(line + b"\n")

    def _death(self) -> str:
        code = self._process.wait()
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"{how}: {lines[-1]}" if lines else how

    def close(self) -> None:
        """End the process if it still runs."""
        if len(self._clock) > 1:
            return
        if self.start:
            self._sampler.sample(0)
            self._sampler.sample_cpu()
        self._sampler.close()
        self._clock.append(proc.clock_tie())
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._stderr):
            if pipe is not None:
                pipe.close()


def longest(cell: Cell) -> float:
    """Return the seconds after which an engine has hung, whatever the server does."""
    load, timeouts = cell.workload.load, cell.workload.timeouts
    one = timeouts.connect + timeouts.total
    if load.seconds is not None:
        return load.seconds + one + SPARE_S
    return math.inf if load.requests is None else load.ramp + load.requests * one + SPARE_S


def environment() -> dict[str, str]:
    """Return the environment of an engine: ours, without flags that would change it. It drops proxies itself."""
    kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
    return kept | {"PYTHONUNBUFFERED": "1"}


def is_here(url: str) -> bool:
    """Return whether every address of the URL's host is this machine's; False for a name that is not found soon."""
    host = urlsplit(url).hostname
    try:
        found = within(
            time.monotonic() + RESOLVE_TIMEOUT_S,
            lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM),
        )
    except OSError:
        return False
    return all(_is_own(family, address) for family, _, _, _, address in found)


def port_of(url: str) -> int:
    """Return the port of the URL."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _is_own(family: int, address: tuple[Any, ...]) -> bool:
    if ipaddress.ip_address(address[0].partition("%")[0]).is_loopback:
        return True
    with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.bind(address)
        return True
    return False
