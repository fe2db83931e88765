"""Sample an engine process, and the machine around it, from outside."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from loadgen import proc
from loadgen.lab.neighbours import Neighbours
from loadgen.model import CpuSample, Machine, Pause, Sample

CPU_SAMPLE_INTERVAL_S: Final = 0.01

Counters = tuple[int, int] | None


class Sampler:
    """The samples of one engine process. ``base``: before the first stream; ``edges``: at the window's edges."""

    def __init__(self, pid: int, cores: tuple[int, ...], port: int | None = None) -> None:
        self.base = Sample(at=0)
        self.edges: list[Sample] = []
        self.samples: list[Sample] = []
        self.pauses: list[Pause] = []  # in which the engine was not let run
        self._pid = pid
        self._cores = cores
        self._machine: list[
            tuple[Sample, Counters, Counters]
        ] = []  # at the edges: CPU of the cores, listen queues
        self._memory = proc.MemoryCounter(pid)
        self._cpu = proc.CpuSampler(pid)
        self._neighbours = Neighbours(pid, cores, port)
        self._throttling = proc.Throttling(pid)
        self._throttled_ns = self._throttling.read()
        self._next_cpu_sample = 0.0
        self._last = 0, 0  # CPU sample: when, and the CPU time
        self._ran_at = 0  # when it last used CPU
        self._stopped_at: int | None = None

    def begin(self) -> None:
        """Record the baseline, and reset the peak of memory."""
        self.base = self._memory.corrected(proc.sample(self._pid))
        proc.reset_peak(self._pid)

    def edge(self, totals: Sample) -> None:
        """Record the state of the machine at an edge of the window; ``totals`` are the engine's own."""
        self.edges.append(replace(totals, run_wait_ns=proc.run_wait_ns(self._pid)))
        self._neighbours.look(edge=True)
        own = proc.sample(self._pid)
        self._machine.append((own, proc.busy_ns(self._cores) if self._cores else None, proc.listen_queue()))

    def sample(self, streams_open: int) -> None:
        """Take a sample of the process."""
        sample = self._memory.corrected(proc.sample(self._pid, streams_open))
        self._neighbours.look()
        # A process that has gone has no memory to report.
        if sample.rss_kib is not None or self.base.rss_kib is None:
            self.samples.append(sample)

    def sample_cpu_until(self, end: float, wait: Callable[[float], object]) -> bool:
        """Sample the CPU a hundred times a second until ``end`` (``time.monotonic``), or until ``wait(ms)`` is true.

        Return whether that was true.
        """
        while (now := time.monotonic()) < end:
            if now >= self._next_cpu_sample:
                self._next_cpu_sample = max(self._next_cpu_sample + CPU_SAMPLE_INTERVAL_S, now)
                self.sample_cpu()
            if wait(1000 * (min(self._next_cpu_sample, end) - now)):
                return True
        return False

    def sample_cpu(self) -> None:
        """Take a sample of the process's CPU alone."""
        if (sample := self._cpu.sample()) is None:
            return
        idle = sample[1] == self._last[1]
        if idle or self._stopped_at is not None or self._throttling.possible:
            self._watch(sample[0], idle=idle)
        if not idle:
            self._ran_at = sample[0]
        self._last = sample

    def _watch(self, at: int, *, idle: bool) -> None:
        """Record how long the engine was stopped or throttled, which like a wait is known when it ends."""
        throttled = self._throttling.read()
        if throttled > self._throttled_ns and self._ran_at:
            # the time is that of all cores on which the group was throttled
            begin = max(self._ran_at, at - (throttled - self._throttled_ns))
            self.pauses.append(Pause("throttled", begin, at))
        self._throttled_ns = throttled
        stopped = idle and proc.is_stopped(self._pid)
        if stopped and self._stopped_at is None:
            self._stopped_at = self._last[0]
        elif not stopped and self._stopped_at is not None:
            self.pauses.append(Pause("stopped", self._stopped_at, at))
            self._stopped_at = None

    def take(self) -> tuple[list[Sample], list[Pause], list[CpuSample]]:
        """Return the samples and pauses since the last call, and drop them here."""
        taken = self.samples, self.pauses, self._cpu.take()
        self.samples, self.pauses = [], []
        return taken

    def close(self) -> None:
        """End the sampling; a stop that goes on ends with it."""
        self._cpu.close()
        if self._stopped_at is not None:
            self.pauses.append(Pause("stopped", self._stopped_at, self._last[0]))
            self._stopped_at = None

    def machine(self) -> Machine | None:
        """Return what the machine did between the two edges; ``None`` without both."""
        if len(self.edges) < 2:
            return None
        (before, busy, queue), (after, busy_after, queue_after) = self._machine[0], self._machine[-1]
        window = self.edges[-1].at - self.edges[0].at
        others = steal = overflows = drops = None
        if busy and busy_after and before.cpu_ns is not None and after.cpu_ns is not None:
            # We read the machine when an edge is reported, and an engine that is short of CPU reports late.
            scale = window / max(1, after.at - before.at)
            others = round(max(0, busy_after[0] - busy[0] - (after.cpu_ns - before.cpu_ns)) * scale)
            steal = round((busy_after[1] - busy[1]) * scale)
        if queue and queue_after:
            overflows, drops = queue_after[0] - queue[0], queue_after[1] - queue[1]
        return Machine(
            window_ns=window,
            engine_cores=len(self._cores) or None,
            others_ns=others,
            steal_ns=steal,
            neighbours=self._neighbours.found(window, others),
            listen_overflows=overflows,
            listen_drops=drops,
        )
