"""Memory and threads of the engine process, workers summed."""

from __future__ import annotations

from statistics import median

from loadgen.analysis.metrics.metric import VALUE, Repeats, Scalar, metric
from loadgen.analysis.metrics.usage import largest, over, peak, summed
from loadgen.analysis.repeats import Repeat
from loadgen.model import Recording


def _base_kib(recording: Recording) -> int | None:
    return recording.base_rss_kib


def _peak_kib(recording: Recording) -> int | None:
    samples, edges = recording.samples, recording.edges
    kernel = peak(samples.peak_rss_kib, (edge.peak_rss_kib for edge in edges))
    return kernel if kernel is not None else peak(samples.rss_kib, (edge.rss_kib for edge in edges))


def _grown_kib(repeat: Repeat) -> float | None:
    base, top = summed(repeat, _base_kib), summed(repeat, _peak_kib)
    streams = summed(repeat, lambda recording: recording.max_streams)
    return None if base is None or top is None or not streams else (top - base) / streams


def _threads(recording: Recording) -> int | None:
    return peak(recording.samples.threads, (edge.threads for edge in recording.edges))


def _threads_added(recording: Recording) -> int | None:
    top, base = _threads(recording), recording.base_threads
    return None if top is None or base is None else top - base


@metric(
    Scalar,
    label="memory before the first stream",
    unit="MiB",
    topic="cost",
    kind="memory",
    tabled=VALUE,
    heading="base MiB",
)
def rss_base_mib(repeats: Repeats) -> float | None:
    """Resident memory of the engine process after it imported the client and before its first stream; median over the
    repeats.
    """
    found = over(repeats.included, _base_kib)
    return median(found) / 1024 if found else None


@metric(
    Scalar,
    label="peak memory",
    unit="MiB",
    topic="cost",
    kind="memory",
    tabled=VALUE,
    heading="peak MiB",
)
def rss_peak_mib(repeats: Repeats) -> float | None:
    """Largest resident memory of the engine process; median over the repeats."""
    found = over(repeats.included, _peak_kib)
    return median(found) / 1024 if found else None


@metric(
    Scalar,
    label="memory per stream",
    unit="KiB",
    topic="cost",
    kind="memory",
    compared=VALUE,
    primary=VALUE,
    drawn=VALUE,
    tabled=VALUE,
    short={None: 4},
    heading="KiB/stream",
)
def rss_per_stream_kib(repeats: Repeats) -> float | None:
    """Growth of memory over the baseline, divided by the target concurrency; median over the repeats."""
    found = [each for repeat in repeats.included if (each := _grown_kib(repeat)) is not None]
    return median(found) if found else None


@metric(
    Scalar,
    label="threads",
    unit="threads",
    topic="cost",
    decimals=0,
    kind="count",
    compared=VALUE,
    drawn=VALUE,
    tabled=VALUE,
    short={None: 5},
)
def threads_peak(repeats: Repeats) -> int | None:
    """Most threads of the engine process at once."""
    return largest(over(repeats.included, _threads))


@metric(Scalar, label="threads added", unit="threads", topic="cost", decimals=0, kind="count")
def threads_added(repeats: Repeats) -> int | None:
    """Most threads at once, minus the threads before the first stream."""
    return largest(over(repeats.included, _threads_added))
