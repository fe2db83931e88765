"""Use what an operating system may lack: the engine runs without any of this."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from typing import NamedTuple

try:
    import resource
except ImportError:  # not a POSIX system
    resource = None  # type: ignore[assignment]

OPEN_MAX = 10_240  # macOS may refuse a soft limit above it, whatever the hard one


class Totals(NamedTuple):
    """CPU and context switches of all threads of this process, ended ones included."""

    cpu_ns: int
    voluntary: int | None
    involuntary: int | None

    @classmethod
    def now(cls) -> Totals:
        """Return the totals so far."""
        if resource is None:
            return cls(round(sum(os.times()[:2]) * 1e9), None, None)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return cls(round((usage.ru_utime + usage.ru_stime) * 1e9), usage.ru_nvcsw, usage.ru_nivcsw)


def pin(cores: Collection[int]) -> None:
    """Run this process on these cores; on any where there are none."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def raise_open_files() -> None:
    """Raise the soft limit of open files to the hard one, as far as the system lets us; children inherit it."""
    if resource is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for soft in (hard, OPEN_MAX):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            return
