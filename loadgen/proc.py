"""Read a process and the machine from outside, from Linux's /proc; elsewhere every value is ``None``.

The values of the whole process take 0.04 ms to read; those of all threads take 10 ms per thousand threads, so
:func:`run_wait_ns` is for the edges of a window, never for every sample.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import re
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from loadgen import processes
from loadgen.model import CpuSample, Sample

_GROUPS, _PROC = Path("/sys/fs/cgroup"), Path("/proc")
COUNT_SHARE = 50  # memory is counted page by page for one part in so many of the time


def sample(pid: int, streams_open: int | None = None) -> Sample:
    """Return memory, threads and CPU of the whole process now."""
    at = time.perf_counter_ns()
    status = _content(f"/proc/{pid}/status")
    cpu_ns = processes.cpu_time_ns(pid)
    return Sample(
        at=at,
        rss_kib=_number(status, b"\nVmRSS:"),
        peak_rss_kib=_number(status, b"\nVmHWM:"),
        threads=_number(status, b"\nThreads:"),
        cpu_ns=found.cpu_ns if cpu_ns is None and (found := processes.read(pid)) else cpu_ns,
        streams_open=streams_open,
    )


class MemoryCounter:
    """Corrects the memory of samples where the kernel's own count omits some of it.

    Before Linux 6.2 it omits up to 64 pages per thread (proc_pid_statm(5); kernel commit f1a7941243c1), which with a
    thread per stream may be most of the memory. Counting page by page takes up to 10 ms with a thousand threads, so
    it is done for a fiftieth of the time at most; in between, the last difference is added.
    """

    def __init__(self, pid: int, release: str = platform.release()) -> None:
        version = tuple(map(int, re.findall(r"\d+", release)[:2]))
        self.needed = sys.platform == "linux" and version < (6, 2)
        self._path = f"/proc/{pid}/smaps_rollup"
        self._omitted = 0
        self._next = 0

    def corrected(self, sample: Sample) -> Sample:
        """Return the sample with all the memory that the process has."""
        if not self.needed or sample.rss_kib is None:
            return sample
        began = time.perf_counter_ns()
        if began >= self._next:
            counted = _number(_content(self._path), b"\nRss:")
            self._omitted = max(0, (counted or 0) - sample.rss_kib)
            ended = time.perf_counter_ns()
            self._next = ended + COUNT_SHARE * (ended - began)
        rss = sample.rss_kib + self._omitted
        return dataclasses.replace(sample, rss_kib=rss, peak_rss_kib=max(rss, sample.peak_rss_kib or 0))


class CpuSampler:
    """Samples the CPU time of a process. Caches are cold by each sample, so what can wait is left to :meth:`take`."""

    def __init__(self, pid: int) -> None:
        self._clock = processes.cpu_clock(pid)
        self._schedstat: int | None = None
        self._taken: list[tuple[int, int, bytes]] = []
        with contextlib.suppress(OSError):
            self._schedstat = os.open(f"/proc/{pid}/schedstat", os.O_RDONLY)

    def sample(self) -> tuple[int, int] | None:
        """Take a sample; return its time and the CPU time in ns; ``None`` without one, as when the process has gone."""
        if sys.platform != "linux":
            return None
        fd = self._schedstat
        try:
            at, cpu = time.perf_counter_ns(), time.clock_gettime_ns(self._clock)
            self._taken.append((at, cpu, b"" if fd is None else os.pread(fd, 64, 0)))
        except OSError:
            return None
        return at, cpu

    def take(self) -> list[CpuSample]:
        """Return the samples taken since the last call, and drop them here."""
        taken, self._taken = self._taken, []
        return [CpuSample(at, cpu, int(text.split()[1]) if text else None) for at, cpu, text in taken]

    def close(self) -> None:
        """Close the file that is read."""
        if self._schedstat is not None:
            os.close(self._schedstat)
            self._schedstat = None


def is_stopped(pid: int) -> bool:
    """Return whether a signal or a debugger has stopped the process."""
    found = processes.read(pid)
    return found is not None and found.state in ("T", "t")


class Throttling:
    """Reads how long CPU quotas have kept a process from running: those of its control group and the groups above."""

    def __init__(self, pid: int, root: Path = _GROUPS, proc: Path = _PROC) -> None:
        self._files = [path / "cpu.stat" for path in groups(pid, "cpu", root, proc) if _has_quota(path)]

    @property
    def possible(self) -> bool:
        """Return whether there is a quota."""
        return bool(self._files)

    def read(self) -> int:
        """Return nanoseconds so far, summed over cores."""
        total = 0
        for path in self._files:
            with contextlib.suppress(OSError, ValueError):
                found = dict(line.split() for line in path.read_text().splitlines())
                total += int(found.get("throttled_time", 0)) + 1000 * int(found.get("throttled_usec", 0))
        return total


def groups(pid: int, controller: str, root: Path = _GROUPS, proc: Path = _PROC) -> Iterator[Path]:
    """Yield the folders of the groups that limit the CPU or another resource of a process, the innermost first.

    Of either version of control groups.
    """
    with contextlib.suppress(OSError, ValueError):
        for line in (proc / str(pid) / "cgroup").read_text().splitlines():
            number, controllers, name = line.split(":", 2)
            if number != "0" and controller not in controllers.split(","):
                continue
            top = root / controllers
            group = top / name.strip("/")
            yield from (path for path in (group, *group.parents) if path.is_relative_to(top))


def _has_quota(group: Path) -> bool:
    for name, unlimited in (("cpu.max", "max"), ("cpu.cfs_quota_us", "-1")):
        with contextlib.suppress(OSError):
            return (group / name).read_text().split()[0] != unlimited
    return False


def reset_peak(pid: int) -> None:
    """Reset the peak of memory, which until now was that of importing the client."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def run_wait_ns(pid: int) -> int | None:
    """Return how long the living threads of the process were runnable but not running, in all."""
    total = 0
    try:
        for thread in os.scandir(f"/proc/{pid}/task"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += int(Path(thread.path, "schedstat").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return total


def busy_ns(cores: Iterable[int]) -> tuple[int, int] | None:
    """Return the CPU that processes took on these cores since boot, and what the hypervisor took."""
    wanted = {f"cpu{core}" for core in cores}
    busy = steal = 0
    try:
        for line in Path("/proc/stat").read_text().splitlines():
            name, *numbers = line.split()
            if name in wanted:
                user, nice, system, _idle, _iowait, _irq, _softirq, stolen = map(int, numbers[:8])
                busy += user + nice + system
                steal += stolen
    except (OSError, ValueError):
        return None
    return busy * processes.TICK_NS, steal * processes.TICK_NS


def runnable() -> int | None:
    """Return how many processes run or wait for a core, this one included."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
        return int({line[0]: line[1] for line in lines if len(line) == 2}["procs_running"])
    return None


def listen_queue() -> tuple[int, int] | None:
    """Return ListenOverflows and ListenDrops since boot: connections that a full queue refused."""
    try:
        names, numbers = (
            line.split()
            for line in Path("/proc/net/netstat").read_text().splitlines()
            if line.startswith("TcpExt:")
        )
        values = dict(zip(names, numbers, strict=True))
        return int(values["ListenOverflows"]), int(values["ListenDrops"])
    except (OSError, ValueError, KeyError):
        return None


def clock_tie() -> tuple[int, int]:
    """Return ``(perf_counter_ns, time_ns)`` of one moment, the closest of a few tries."""
    tries = []
    for _ in range(9):
        before = time.perf_counter_ns()
        wall = time.time_ns()
        after = time.perf_counter_ns()
        tries.append((after - before, (before + after) // 2, wall))
    _, mark, wall = min(tries)
    return mark, wall


def _content(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(1 << 16)
    except OSError:
        return b""


def _number(text: bytes, before: bytes) -> int | None:
    """Return the number that stands after ``before``; not by a regular expression, which takes three times as long."""
    begin = text.find(before) + len(before)
    return int(text[begin : begin + 24].split()[0]) if begin >= len(before) else None


def first_match(path: str, pattern: str) -> str | None:
    """Return the first group of ``pattern`` in the file; ``None`` where there is no match or no file."""
    try:
        found = re.search(pattern, Path(path).read_text())
    except OSError:
        return None
    return found[1].strip() if found else None
