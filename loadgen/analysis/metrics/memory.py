"""Memory and threads of the engine process, workers summed."""

from __future__ import annotations

from statistics import median

from loadgen.analysis.metrics.metric import VALUE, Metric, Repeats, Scalar
from loadgen.analysis.metrics.usage import largest, over, peak, summed
from loadgen.analysis.repeats import Repeat
from loadgen.model import Recording


def _base_kib(recording: Recording) -> int | None:
    return recording.base_rss_kib


def _peak_kib(recording: Recording) -> int | None:
    samples, edges = recording.samples, recording.edges
    kernel = peak(samples.peak_rss_kib, (edge.peak_rss_kib for edge in edges))
    return kernel if kernel is not None else peak(samples.rss_kib, (edge.rss_kib for edge in edges))


def _threads(recording: Recording) -> int | None:
    return peak(recording.samples.threads, (edge.threads for edge in recording.edges))


def _rss_base_mib(repeats: Repeats) -> float | None:
    found = over(repeats.included, _base_kib)
    return median(found) / 1024 if found else None


def _rss_peak_mib(repeats: Repeats) -> float | None:
    found = over(repeats.included, _peak_kib)
    return median(found) / 1024 if found else None


def _rss_per_stream_kib(repeats: Repeats) -> float | None:
    found = [each for repeat in repeats.included if (each := _grown(repeat)) is not None]
    return median(found) if found else None


def _grown(repeat: Repeat) -> float | None:
    base, top = summed(repeat, _base_kib), summed(repeat, _peak_kib)
    streams = summed(repeat, lambda recording: recording.max_streams)
    return None if base is None or top is None or not streams else (top - base) / streams


def _threads_peak(repeats: Repeats) -> int | None:
    return largest(over(repeats.included, _threads))


def _threads_added(repeats: Repeats) -> int | None:
    return largest(over(repeats.included, _added))


def _added(recording: Recording) -> int | None:
    top, base = _threads(recording), recording.base_threads
    return None if top is None or base is None else top - base


RSS_BASE_MIB = Metric(
    key="rss_base_mib",
    label="memory before the first stream",
    unit="MiB",
    description="Resident memory of the engine process after it imported the client and before its first stream; "
    "median over the repeats.",
    formula=Scalar(_rss_base_mib),
    topic="cost",
    kind="memory",
    tabled=VALUE,
    heading="base MiB",
)

RSS_PEAK_MIB = Metric(
    key="rss_peak_mib",
    label="peak memory",
    unit="MiB",
    description="Largest resident memory of the engine process; median over the repeats.",
    formula=Scalar(_rss_peak_mib),
    topic="cost",
    kind="memory",
    tabled=VALUE,
    heading="peak MiB",
)

RSS_PER_STREAM_KIB = Metric(
    key="rss_per_stream_kib",
    label="memory per stream",
    unit="KiB",
    description="Growth of memory over the baseline, divided by the target concurrency; median over the repeats.",
    formula=Scalar(_rss_per_stream_kib),
    topic="cost",
    kind="memory",
    compared=VALUE,
    primary=VALUE,
    drawn=VALUE,
    tabled=VALUE,
    short={None: 4},
    heading="KiB/stream",
)

THREADS_PEAK = Metric(
    key="threads_peak",
    label="threads",
    unit="threads",
    description="Most threads of the engine process at once.",
    formula=Scalar(_threads_peak),
    topic="cost",
    decimals=0,
    kind="count",
    compared=VALUE,
    drawn=VALUE,
    tabled=VALUE,
    short={None: 5},
)

THREADS_ADDED = Metric(
    key="threads_added",
    label="threads added",
    unit="threads",
    description="Most threads at once, less those that there were before the first stream.",
    formula=Scalar(_threads_added),
    topic="cost",
    decimals=0,
    kind="count",
)
