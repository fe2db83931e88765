"""The limits of the operating system, against what a number of simultaneous streams needs."""

from __future__ import annotations

import contextlib
import math
import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from loadgen import clients, proc
from loadgen.model import ClientId

MAX_STREAMS = 1 << 16
MEMORY_KIB = 256  # per stream, engine and simulator together; no client was seen to need as much
SPARE_FILES = 64  # that an interpreter, its libraries and pipes have open in addition to the streams


class Needs(NamedTuple):
    """What every stream takes: open files, and whether a thread."""

    files: int
    thread: bool


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. ``have`` is None where the system does not report it; ``fatal``: a run beyond it cannot work."""

    name: str
    have: int | None
    need: int
    advice: str
    fatal: bool = True

    @property
    def ok(self) -> bool:
        return self.have is None or self.have >= self.need

    def __str__(self) -> str:
        if self.ok:
            have = "not limited" if self.have is None else f"{self.have:,}"
            return f"{self.name}: {have}, enough for {self.need:,}"
        assert self.have is not None
        short = self.need - self.have
        return f"{self.name}: {self.have:,}, which is {short:,} short of {self.need:,}; {self.advice}"


def needs(wanted: Sequence[ClientId]) -> Needs:
    """Return the most that a stream of any of these clients takes."""
    return Needs(
        max((clients.info(client.name).descriptors for client in wanted), default=1),
        any(clients.info(client.name).mode == "threads" for client in wanted),
    )


def limits(streams: int, each: Needs, engines: int = 1, *, simulated: bool = True) -> list[Limit]:
    """Return the limits that matter for so many simultaneous streams, shared by so many engines.

    The simulator is one process, which has all of them.
    """
    share = math.ceil(streams / engines)
    ports = _read("/proc/sys/net/ipv4/ip_local_port_range") or []
    found = [
        Limit(
            "open files (hard limit)",
            _rlimit("RLIMIT_NOFILE"),
            max(share * each.files, streams if simulated else 0) + SPARE_FILES,
            "raise it: ulimit -Hn, or nofile in /etc/security/limits.conf",
        ),
        Limit(
            "ephemeral ports",
            ports[1] - ports[0] + 1 if len(ports) == 2 else None,
            streams,
            "widen it: sysctl net.ipv4.ip_local_port_range='1024 65535'",
        ),
        Limit(
            "listen queue (somaxconn)",
            _first("/proc/sys/net/core/somaxconn"),
            min(streams, 4096),
            "a server's queue may overflow while streams start: sysctl net.core.somaxconn=8192",
            fatal=False,
        ),
    ]
    if not each.thread:
        return found
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    processes = None if is_root else _rlimit("RLIMIT_NPROC")
    left = None if processes is None else processes - _own_threads()
    maps = _first("/proc/sys/vm/max_map_count")
    return [
        *found,
        Limit("processes and threads of this user", left, streams + 1, "raise it: ulimit -u"),
        Limit(
            "threads of this control group (pids.max)",
            _pids_left(),
            streams + 1,
            "raise the container's pids limit",
        ),
        Limit(
            "memory maps of a process (max_map_count)",
            maps,
            2 * share + 1000,
            "raise it: sysctl vm.max_map_count",
        ),
    ]


def most(wanted: Sequence[ClientId], engines: int = 1) -> int:
    """Return the most streams of these clients, on so many engines, that files, ports, threads and memory allow."""
    each = needs(wanted)

    def exceeds(streams: int) -> bool:
        return any(limit.fatal and not limit.ok for limit in limits(streams, each, engines))

    allowed = bisect_left(range(1, MAX_STREAMS + 1), True, key=exceeds)
    kib = proc.first_match("/proc/meminfo", r"MemAvailable:\s*(\d+)")
    return max(1, min(allowed, int(kib) // MEMORY_KIB if kib else MAX_STREAMS))


def _rlimit(kind: str) -> int | None:
    try:
        import resource
    except ImportError:  # not a POSIX system
        return None
    _, hard = resource.getrlimit(getattr(resource, kind))
    return None if hard == resource.RLIM_INFINITY else hard


def _read(path: str) -> list[int] | None:
    try:
        return [int(word) for word in Path(path).read_text().split()]
    except (OSError, ValueError):
        return None


def _first(path: str) -> int | None:
    numbers = _read(path)
    return numbers[0] if numbers else None


def _pids_left() -> int | None:
    for folder in proc.groups(os.getpid(), "pids"):
        most = _first(f"{folder}/pids.max")
        if most is not None:
            return most - (_first(f"{folder}/pids.current") or 0)
    return None


def _own_threads() -> int:
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == os.getuid():
                total += len(os.listdir(folder / "task"))
    return total
