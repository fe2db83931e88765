"""Memory and threads of the engine process, workers summed."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from loadgen.analysis.metrics import VALUE, Repeats
from loadgen.analysis.metrics.usage import cost, largest, over, peak, summed
from loadgen.model import Recording


def _base_kib(recording: Recording) -> int | None:
    return recording.base_rss_kib


def _peak_kib(recording: Recording) -> int | None:
    samples, edges = recording.samples, recording.edges
    kernel = peak(samples.peak_rss_kib, (edge.peak_rss_kib for edge in edges))
    return kernel if kernel is not None else peak(samples.rss_kib, (edge.rss_kib for edge in edges))


def _median_mib(repeats: Repeats, kib: Callable[[Recording], int | None]) -> float | None:
    found = over(repeats, kib)
    return median(found) / 1024 if found else None


@cost(label="memory before the first stream", unit="MiB", kind="memory", tabled=VALUE, heading="base MiB")
def rss_base_mib(repeats: Repeats) -> float | None:
    """Resident memory of the engine process after it imported the client and before its first stream; median over the
    repeats.
    """
    return _median_mib(repeats, _base_kib)


@cost(label="peak memory", unit="MiB", kind="memory", tabled=VALUE, heading="peak MiB")
def rss_peak_mib(repeats: Repeats) -> float | None:
    """Largest resident memory of the engine process; median over the repeats."""
    return _median_mib(repeats, _peak_kib)


@cost(
    label="memory per stream", unit="KiB", kind="memory", compared=VALUE, primary=VALUE, drawn=VALUE,
    tabled=VALUE, short={None: 50}, heading="KiB/stream",
    headline={None: (6, "memory", "KiB/str")},
)  # fmt: skip
def rss_per_stream_kib(repeats: Repeats) -> float | None:
    """Growth of memory over the baseline, divided by the target concurrency; median over the repeats."""
    found = []
    for repeat in repeats.included:
        base, top = summed(repeat, _base_kib), summed(repeat, _peak_kib)
        streams = summed(repeat, lambda recording: recording.max_streams)
        if base is not None and top is not None and streams:
            found.append((top - base) / streams)
    return median(found) if found else None


def _threads(recording: Recording) -> int | None:
    return peak(recording.samples.threads, (edge.threads for edge in recording.edges))


def _threads_added(recording: Recording) -> int | None:
    top, base = _threads(recording), recording.base_threads
    return None if top is None or base is None else top - base


@cost(
    label="threads", unit="threads", decimals=0, kind="count", compared=VALUE, drawn=VALUE, tabled=VALUE,
    short={None: 60},
    headline={None: (7, "", "thr")},
)  # fmt: skip
def threads_peak(repeats: Repeats) -> int | None:
    """Most threads of the engine process at once."""
    return largest(over(repeats, _threads))


@cost(label="threads added", unit="threads", decimals=0, kind="count")
def threads_added(repeats: Repeats) -> int | None:
    """Most threads at once, minus the threads before the first stream."""
    return largest(over(repeats, _threads_added))
