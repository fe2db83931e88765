"""All processes of this machine, from Linux's /proc: what CPU each has used, where it may run, what it listens on."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 10_000_000
_LISTENING = "0A"
_PROC = Path("/proc")


class Process(NamedTuple):
    """A process; ``born`` tells it from an earlier one with its number."""

    pid: int
    born: int
    parent: int
    name: str
    cpu_ns: int
    state: str


def running(known: Mapping[int, Process] = MappingProxyType({})) -> Iterator[Process]:
    """Yield the processes, kernel threads too; none where there is no /proc.

    Of those that are ``known`` by their numbers only the CPU time is read, at a tenth of the cost.
    """
    with contextlib.suppress(OSError):
        for pid in (int(name) for name in os.listdir(_PROC) if name.isdecimal()):
            before = known.get(pid)
            cpu_ns = None if before is None else cpu_time_ns(pid)
            found = read(pid) if before is None or cpu_ns is None else before._replace(cpu_ns=cpu_ns)
            if found is not None:
                yield found


def cpu_time_ns(pid: int) -> int | None:
    """Return the CPU time of all threads of a process; ``None`` where it has gone, or only :func:`read` can tell."""
    try:
        return time.clock_gettime_ns(cpu_clock(pid))
    except (OSError, AttributeError):
        return None


def cpu_clock(pid: int) -> int:
    """Return Linux's clock of the CPU time of all threads of a process."""
    return (~pid << 3) | 2


def read(pid: int) -> Process | None:
    """Return one process; ``None`` where it has gone."""
    try:
        # not pathlib, which takes as long as the kernel; the name is in brackets and may contain anything
        with open(f"{_PROC}/{pid}/stat", "rb", buffering=0) as file:
            head, _, rest = file.read(4096).decode(errors="replace").rpartition(")")
        fields = rest.split()
        cpu_ns = (int(fields[11]) + int(fields[12])) * TICK_NS
        return Process(pid, int(fields[19]), int(fields[1]), head.partition("(")[2], cpu_ns, fields[0])
    except (OSError, ValueError, IndexError):
        return None


def cores_of(pid: int) -> frozenset[int]:
    """Return the cores that a process may run on; none where that is not known."""
    with contextlib.suppress(OSError, AttributeError):
        return frozenset(os.sched_getaffinity(pid))
    return frozenset()


def servers(port: int) -> list[int]:
    """Return the processes that listen on a TCP port, as far as their owner lets us see."""
    sockets = _listeners(port)
    return [each.pid for each in running() if _holds(each.pid, sockets)] if sockets else []


def serves(pid: int, port: int) -> bool:
    """Return whether a process, or one that started it, listens on a TCP port: a server may leave work to children."""
    sockets = _listeners(port)
    while sockets and pid > 1:
        if _holds(pid, sockets):
            return True
        found = read(pid)
        pid = found.parent if found else 0
    return False


def _listeners(port: int) -> dict[str, int]:
    """Return the sockets that listen on the port, by inode, with the user that owns each."""
    found = {}
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in (_PROC / "net" / name).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    found[fields[9]] = int(fields[7])
    return found


def _holds(pid: int, sockets: dict[str, int]) -> bool:
    folder = _PROC / str(pid) / "fd"
    try:
        names = os.listdir(folder)
    except PermissionError:
        # Of another user's process we see the owner alone: one that has a user to itself, as Ollama's service has.
        with contextlib.suppress(OSError):
            owner = folder.stat().st_uid
            return owner != 0 and owner in sockets.values()
        return False
    except OSError:
        return False
    for name in names:
        with contextlib.suppress(OSError):
            if os.readlink(folder / name)[8:-1] in sockets:
                return True
    return False
