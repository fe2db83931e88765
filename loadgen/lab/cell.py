"""Runs one cell: a fresh engine, watched from outside, recorded."""

from __future__ import annotations

import ipaddress
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
import numpy as np

from loadgen import clients, proc, store
from loadgen.engine.frames import Done, Edge, Failed, Pauses, Pulse, Reader, Ready, Streams
from loadgen.lab.listener import Listener
from loadgen.model import (
    Cell,
    CpuSample,
    Machine,
    Outcome,
    Pause,
    Progress,
    Recording,
    Sample,
    ServerLog,
    Stream,
)

EVERY = 0.1  # seconds between two samples
STEP = 0.01  # seconds between two looks at the engine's pace
LEAD = 30_000_000  # ns from the start command to the first stream
SPARE = 30.0  # seconds that an engine may outlast its own timeouts


class EngineError(Exception):
    """The engine said that it cannot run the cell."""


class _Look(NamedTuple):
    """What the machine has done so far, and the engine with it."""

    at: int
    cpu_ns: int | None
    busy: tuple[int, int] | None
    queue: tuple[int, int] | None

    @classmethod
    def now(cls, pid: int, cores: tuple[int, ...]) -> _Look:
        sample = proc.sample(pid)
        busy = proc.busy_ns(cores) if cores else None
        return cls(sample.at, sample.cpu_ns, busy, proc.listen_queue())


class Engine:
    """One engine process and what it has sent so far.

    ``streams``, ``samples``, ``pauses`` and ``pace`` may be taken away while it runs, by who keeps them himself.
    """

    def __init__(self, cell: Cell, listener: Listener) -> None:
        self.cell = cell
        self.streams: list[Stream] = []
        self.samples: list[Sample] = []
        self.pauses: list[Pause] = []
        self.cpu_samples: list[CpuSample] = []
        self.edges: list[Sample] = []
        self.base: Sample | None = None
        self.start = 0
        self.ended = "the engine never got ready"
        self._listener = listener
        self._looks: list[_Look] = []
        self._same_host = is_here(cell.url)
        self._clock = [proc.clock_tie()]
        self._tokens_ended = self._streams_ended = self._failed = 0
        self._last_end = 0
        self._open = 0
        self._reader = Reader()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the engine
        # A session of its own: Ctrl-C in the terminal is for us, and we tell the engine what to do.
        self._process = subprocess.Popen(
            [cell.client.python or sys.executable, "-P", "-m", "loadgen.engine"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,
            bufsize=0,
            env=_environment(),
        )
        self.pid = self._process.pid
        self._cpu_sampler = proc.CpuSampler(self.pid)
        self._counted = proc.Counted(self.pid)

    def run(self, interrupted: Callable[[], bool]) -> None:
        """Drive the cell to its end. Raises EngineError."""
        assert self._process.stdout is not None
        out = self._process.stdout.fileno()
        self._write(msgspec.json.encode(self.cell))
        deadline = time.monotonic() + longest(self.cell)
        next_sample = next_step = time.monotonic()
        stopped = False
        while self.ended:
            wait = max(0.0, (next_step if self.start else next_sample) - time.monotonic())
            if select.select([out], [], [], wait)[0]:
                data = os.read(out, 1 << 20)
                if not data:
                    self.ended = f"the engine died ({self._death()})"
                    return
                for frame in self._reader.feed(data):
                    self._hear(frame)
            now = time.monotonic()
            if self.start and now >= next_step:
                next_step = max(next_step + STEP, now)
                self._step()
            if now >= next_sample:
                next_sample = max(next_sample + EVERY, now)
                if self.start:
                    self._sample(self._open)
            if interrupted() and not stopped:
                if not self.start:  # an engine that waits for its start takes no other command
                    self.ended = "interrupted"
                    return
                stopped = True
                self.command(stop=True)
                deadline = min(deadline, now + 10)
            if now > deadline:
                self.ended = "the engine did not end and was killed"
                return
        if stopped:
            self.ended = "interrupted"

    def _hear(self, frame: object) -> None:
        match frame:
            case Ready():
                self.base = self._counted.corrected(proc.sample(self.pid))
                proc.reset_peak(self.pid)
                self.start = time.perf_counter_ns() + LEAD
                self.ended = "the engine has not ended"
                self.command(start=self.start)
            case Edge(totals):
                wait = proc.run_wait_ns(self.pid)
                self.edges.append(replace(totals, run_wait_ns=wait))
                self._looks.append(_Look.now(self.pid, self.cell.cores))
            case Streams(streams):
                self.streams += streams
                self._tokens_ended += sum(int(np.frombuffer(each.counts, "<u2").sum()) for each in streams)
                self._streams_ended += len(streams)
                self._last_end = max([self._last_end, *(stream.end for stream in streams)])
                self._failed += sum(stream.outcome not in (Outcome.OK, Outcome.STOPPED) for stream in streams)
                self._listener.ended(streams)
            case Pulse():
                self._open = frame.open
                elapsed = (frame.at - self.start) / 1e9
                self._listener.progress(
                    Progress(
                        elapsed=elapsed,
                        left=max(0.0, (self.cell.workload.load.seconds or 0.0) - elapsed),
                        open=frame.open,
                        tokens=self._tokens_ended + frame.tokens,
                        ended=self._streams_ended,
                        failed=self._failed,
                    )
                )
            case Pauses(pauses):
                self.pauses += pauses
            case Failed(message):
                raise EngineError(message)
            case Done():
                self.ended = ""

    def _step(self) -> None:
        pace = self._cpu_sampler.read()
        if pace is not None:
            self.cpu_samples.append(pace)

    def _sample(self, streams_open: int) -> None:
        sample = self._counted.corrected(proc.sample(self.pid, streams_open))
        # One that has left tells nothing any more.
        if sample.rss_kib is not None or self.base is None or self.base.rss_kib is None:
            self.samples.append(sample)

    def command(self, **command: object) -> None:
        """Send the engine ``stop=True``, ``add=[slot, …]``, or ``streams=n, grace=seconds``."""
        self._write(json.dumps(command).encode())

    def recording(self, server: ServerLog | None = None) -> Recording:
        """All but the tables, which :func:`filled` adds; at any time."""
        cell = self.cell
        start = self.start or self._clock[0][0]
        edges = self.edges
        return Recording(
            index=cell.index,
            client=replace(cell.client, python=None),
            mode=clients.info(cell.client.name).mode,
            level=cell.level,
            repeat=cell.repeat,
            workload=replace(cell.workload, prompts=()),
            ended=self.ended,
            start=start,
            window=self._window(start),
            clock=(self._clock[0], self._clock[1] if len(self._clock) > 1 else proc.clock_tie()),
            same_host=self._same_host,
            base_rss_kib=self.base.rss_kib if self.base else None,
            base_threads=self.base.threads if self.base else None,
            edges=(edges[0], edges[-1]) if len(edges) > 1 else (),
            machine=self._machine(),
            server=server,
            streams={},
            arrivals={},
            stamps={},
            samples={},
        )

    def _window(self, start: int) -> tuple[int, int]:
        load = self.cell.workload.load
        begin = start + int(load.warmup * 1e9)
        if load.seconds is not None and self.ended != "interrupted":
            return begin, start + int(load.seconds * 1e9)
        return begin, max(begin, self._last_end)

    def _machine(self) -> Machine | None:
        """What the machine did between the two edges."""
        if len(self.edges) < 2:
            return None
        before, after = self._looks[0], self._looks[-1]
        window = self.edges[-1].at - self.edges[0].at
        others = steal = overflows = drops = None
        if before.busy and after.busy and before.cpu_ns is not None and after.cpu_ns is not None:
            # We look when we hear of an edge, and an engine that is short of CPU tells late.
            scale = window / max(1, after.at - before.at)
            own = after.cpu_ns - before.cpu_ns
            others = round(max(0, after.busy[0] - before.busy[0] - own) * scale)
            steal = round((after.busy[1] - before.busy[1]) * scale)
        if before.queue and after.queue:
            overflows, drops = (late - early for early, late in zip(before.queue, after.queue, strict=True))
        return Machine(
            window_ns=window,
            engine_cores=len(self.cell.cores) or None,
            others_ns=others,
            steal_ns=steal,
            listen_overflows=overflows,
            listen_drops=drops,
        )

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + b"\n")
        except BrokenPipeError:
            return  # its end is read from its output

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
            self._sample(0)
            self._step()
        self._cpu_sampler.close()
        self._clock.append(proc.clock_tie())
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._stderr):
            if pipe is not None:
                pipe.close()


def record(
    cell: Cell,
    listener: Listener,
    interrupted: Callable[[], bool],
    server: Callable[[], ServerLog | None],
) -> Recording:
    """Run ``cell`` and return all that it left. ``server`` is asked for its own record afterwards."""
    engine = Engine(cell, listener)
    try:
        engine.run(interrupted)
    except EngineError as error:
        engine.ended = f"the engine failed: {error}"
    finally:
        engine.close()
    return filled(
        engine.recording(server()), engine.streams, engine.samples, engine.pauses, engine.cpu_samples
    )


def filled(
    recording: Recording,
    streams: Iterable[Stream],
    samples: Iterable[Sample],
    pauses: Iterable[Pause] = (),
    pace: Iterable[CpuSample] = (),
) -> Recording:
    """The recording with its tables."""
    table, arrivals, stamps = store.table_of_streams(
        sorted(streams, key=lambda each: (each.start, each.slot))
    )
    return replace(
        recording,
        streams=table,
        arrivals=arrivals,
        stamps=stamps,
        samples=store.table_of_samples(samples),
        pauses=store.table_of_pauses(pauses),
        cpu_samples=store.table_of_cpu_samples(pace),
    )


def longest(cell: Cell) -> float:
    """Seconds after which an engine has hung, whatever the server does."""
    one = cell.workload.timeouts.connect + cell.workload.timeouts.total
    if cell.workload.load.seconds is not None:
        return cell.workload.load.seconds + one + SPARE
    if cell.workload.load.requests is None:
        return float("inf")
    return cell.workload.load.ramp + cell.workload.load.requests * one + SPARE


def _environment() -> dict[str, str]:
    """Ours, less what would change the engine: a proxy, or somebody's flags for Python."""
    dropped = (
        "PYTHONMALLOC",
        "PYTHONTRACEMALLOC",
        "PYTHONDEVMODE",
        "PYTHONPROFILEIMPORTTIME",
        "PYTHONASYNCIODEBUG",
    )
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and name not in dropped
    }
    return {**kept, "PYTHONUNBUFFERED": "1"}


def is_here(url: str) -> bool:
    """Whether the host of ``url`` is this one, so that server and client read the same clock."""
    host = urlsplit(url).hostname or ""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return False
    return bool(found) and all(_is_own(str(address)) for address in found)


def _is_own(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.is_loopback:
        return True
    with socket.socket(socket.AF_INET6 if ip.version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
