"""Use what an operating system may lack: the engine runs without any of this."""

import contextlib
import os

from loadgen.model import Sample

try:
    import resource
except ImportError:  # not a POSIX system
    resource = None  # type: ignore[assignment]

OPEN_MAX = 10_240  # macOS may refuse a soft limit above it, whatever the hard one


def totals(at: int) -> Sample:
    """Return CPU and context switches of all threads of this process so far, ended ones included."""
    if resource is None:
        return Sample(at=at, cpu_ns=round(sum(os.times()[:2]) * 1e9))
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = round((used.ru_utime + used.ru_stime) * 1e9)
    return Sample(at=at, cpu_ns=cpu, voluntary=used.ru_nvcsw, involuntary=used.ru_nivcsw)


def raise_open_files() -> None:
    """Raise the soft limit of open files to the hard one, as far as the system lets us; children inherit it."""
    if resource is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for soft in (hard, OPEN_MAX):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            return
