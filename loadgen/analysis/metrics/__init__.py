"""The table of metrics: every number of a summary, once.

The columns of ``summary.csv``, the tables and charts of the report, ``compare``, thresholds, the Streaming tab and
``docs/metrics.md`` are read from it. To add a metric, write a :class:`Metric` in a file beside this one and add it to
:data:`METRICS`; from another package, register it as an entry point of the group ``loadgen.metrics``.

    >>> column("ttft_p99_ms").metric.label
    'TTFT'
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import MappingProxyType

from loadgen import registry
from loadgen.analysis.metrics import cpu, lag, latency, memory, output, streams, switches
from loadgen.analysis.metrics.metric import (
    VALUE,
    Column,
    Metric,
    PerStream,
    PerToken,
    Rank,
    Repeats,
    Scalar,
)

__all__ = [
    "CONTRACT",
    "KEYS",
    "METRICS",
    "VALUE",
    "VERDICT",
    "Column",
    "Metric",
    "PerStream",
    "PerToken",
    "Rank",
    "Repeats",
    "Scalar",
    "added",
    "column",
    "columns",
    "compared",
    "metrics",
    "short",
]

GROUP = "loadgen.metrics"

# The columns of summary.csv that are no metrics: those before the metrics of the contract, and those after them.
KEYS = ("client", "mode", "concurrency", "repeats")
VERDICT = ("validity", "reasons", "low_sample", "outcomes")

# The columns that other people's scripts rely on, in their order.
CONTRACT: tuple[Metric, ...] = (
    streams.STREAMS,
    streams.OK,
    streams.ERRORS,
    streams.LIVE_PEAK,
    output.TOKENS,
    output.TOKENS_PER_S,
    latency.TTFT,
    latency.ITL,
    latency.TOTAL,
    lag.LAG,
    memory.RSS_BASE_MIB,
    memory.RSS_PEAK_MIB,
    memory.RSS_PER_STREAM_KIB,
    memory.THREADS_PEAK,
    cpu.CPU_S,
    cpu.CPU_US_PER_TOKEN,
    switches.VOLUNTARY_SWITCHES_PER_TOKEN,
    switches.INVOLUNTARY_SWITCHES_PER_TOKEN,
)

METRICS: tuple[Metric, ...] = (
    *CONTRACT,
    streams.LIVE_MEAN,
    output.EVENTS_PER_READ,
    output.TEXT_EVENTS,
    output.SERVER_TOKENS,
    latency.HEADERS,
    latency.TPOT,
    latency.SEND_DELAY,
    lag.RELATIVE_LAG,
    cpu.CPU_PERCENT,
    cpu.CPU_SHARE,
    cpu.RUN_WAIT_PERCENT,
    switches.SWITCHES_PER_TOKEN,
    streams.ERRORS_SHARE,
    memory.THREADS_ADDED,
    output.LOAD_MAX_MS,
    streams.STARTUP_STREAMS,
    latency.STARTUP_TTFT,
)

_added: list[Metric] = []


@cache
def metrics() -> tuple[Metric, ...]:
    """Return every metric: ours, then those of other packages, then those of :func:`added`.

    Raises TypeError where an entry point is no Metric, ValueError where two metrics share a column.
    """
    outside = [registry.load(None, GROUP, name) for name in registry.names({}, GROUP)]
    for metric in outside:
        if not isinstance(metric, Metric):
            raise TypeError(f"an entry point of {GROUP} is no Metric: {metric!r}")
    found = (*METRICS, *outside, *_added)
    names = [*KEYS, *VERDICT, *(each.name for metric in found for each in _columns(metric))]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two columns of summary.csv have the same name: {', '.join(sorted(twice))}")
    return found


@cache
def columns() -> Mapping[str, Column]:
    """Return every number of ``summary.csv`` by the name of its column: values, numbers of values, bounds.

    Those of the contract come first, then the other metrics, each as its value, ``n`` and bounds.
    """
    return MappingProxyType({each.name: each for metric in metrics() for each in _columns(metric)})


def column(name: str) -> Column:
    """Return the column of that name, with its metric and percentile. Raises KeyError."""
    return columns()[name]


def compared() -> list[Column]:
    """Return the columns that two runs are compared by, those that decide first."""
    found = [
        each for each in columns().values() if each.part == "value" and each.rank in each.metric.compared
    ]
    return sorted(found, key=lambda each: not each.primary)


def short() -> list[tuple[Column, int]]:
    """Return the columns of the terminal's table in their order, each with its priority.

    Where there is no room for all, the column with the highest number goes first.
    """
    return [
        (each, each.metric.short[each.rank])
        for each in columns().values()
        if each.part == "value" and each.metric.short and each.rank in each.metric.short
    ]


@contextmanager
def added(*others: Metric) -> Iterator[None]:
    """Have these metrics in the table until the block ends: in a notebook or a test, without an entry point.

    Raises ValueError where one of them has a column that is there already.
    """
    before = list(_added)
    _replace([*before, *others])
    try:
        metrics()
        yield
    finally:
        _replace(before)


def _replace(others: list[Metric]) -> None:
    _added[:] = others
    metrics.cache_clear()
    columns.cache_clear()


def _columns(metric: Metric) -> Iterator[Column]:
    for rank in metric.ranks:
        yield Column(metric.column(rank), metric, rank)
    if metric.count:
        yield Column(f"{metric.key}_n", metric, part="n")
    for rank in metric.intervals:
        stem = metric.key if rank is None else f"{metric.key}_p{rank}"
        unit = "" if rank is None else f"_{metric.unit}"
        yield Column(f"{stem}_low{unit}", metric, rank, "low")
        yield Column(f"{stem}_high{unit}", metric, rank, "high")
