"""The table of metrics: every number of a summary, once.

The columns of ``summary.csv``, the tables and charts of the report, ``compare``, thresholds, the Streaming tab and
``docs/metrics.md`` are read from it. To add a metric, decorate a function with :func:`metric` in a file beside this
one, and add its path to :data:`METRICS`; in another package, register it as an entry point of ``loadgen.metrics``.

    >>> column("ttft_p99_ms").metric.label
    'TTFT'
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import MappingProxyType

from loadgen import registry
from loadgen.analysis.metrics.metric import VALUE as VALUE
from loadgen.analysis.metrics.metric import Column as Column
from loadgen.analysis.metrics.metric import Metric as Metric
from loadgen.analysis.metrics.metric import PerStream as PerStream
from loadgen.analysis.metrics.metric import PerToken as PerToken
from loadgen.analysis.metrics.metric import Rank as Rank
from loadgen.analysis.metrics.metric import Repeats as Repeats
from loadgen.analysis.metrics.metric import Scalar as Scalar
from loadgen.analysis.metrics.metric import metric as metric

GROUP = "loadgen.metrics"

# The columns of summary.csv that are no metrics: those before the metrics of the contract, and those after them.
KEYS = ("client", "mode", "concurrency", "repeats")
VERDICT = ("validity", "reasons", "low_sample", "outcomes")

# Where the metrics are; first those whose columns other people's scripts rely on, in the order of their columns.
CONTRACT: tuple[str, ...] = (
    "loadgen.analysis.metrics.streams:streams",
    "loadgen.analysis.metrics.streams:ok",
    "loadgen.analysis.metrics.streams:errors",
    "loadgen.analysis.metrics.streams:live_peak",
    "loadgen.analysis.metrics.output:tokens",
    "loadgen.analysis.metrics.output:tokens_per_s",
    "loadgen.analysis.metrics.latency:ttft",
    "loadgen.analysis.metrics.latency:itl",
    "loadgen.analysis.metrics.latency:total",
    "loadgen.analysis.metrics.lag:lag",
    "loadgen.analysis.metrics.memory:rss_base_mib",
    "loadgen.analysis.metrics.memory:rss_peak_mib",
    "loadgen.analysis.metrics.memory:rss_per_stream_kib",
    "loadgen.analysis.metrics.memory:threads_peak",
    "loadgen.analysis.metrics.cpu:cpu_s",
    "loadgen.analysis.metrics.cpu:cpu_us_per_token",
    "loadgen.analysis.metrics.switches:voluntary_switches_per_token",
    "loadgen.analysis.metrics.switches:involuntary_switches_per_token",
)
METRICS: tuple[str, ...] = (
    *CONTRACT,
    "loadgen.analysis.metrics.streams:live_mean",
    "loadgen.analysis.metrics.output:events_per_read",
    "loadgen.analysis.metrics.output:text_events",
    "loadgen.analysis.metrics.output:server_tokens",
    "loadgen.analysis.metrics.latency:headers",
    "loadgen.analysis.metrics.latency:tpot",
    "loadgen.analysis.metrics.latency:send_delay",
    "loadgen.analysis.metrics.lag:relative_lag",
    "loadgen.analysis.metrics.cpu:cpu_percent",
    "loadgen.analysis.metrics.cpu:cpu_share",
    "loadgen.analysis.metrics.cpu:run_wait_percent",
    "loadgen.analysis.metrics.switches:switches_per_token",
    "loadgen.analysis.metrics.streams:errors_share",
    "loadgen.analysis.metrics.memory:threads_added",
    "loadgen.analysis.metrics.output:load_max_ms",
    "loadgen.analysis.metrics.streams:startup_streams",
    "loadgen.analysis.metrics.latency:startup_ttft",
)

_added: list[Metric] = []


@cache
def metrics() -> tuple[Metric, ...]:
    """Return every metric: ours, then those of other packages, then those of :func:`added`.

    Raises TypeError where an entry point is no Metric, ValueError where two metrics share a column.
    """
    ours = [registry.load(path, GROUP, path) for path in METRICS]
    outside = [registry.load(None, GROUP, name) for name in registry.names({}, GROUP)]
    found = (*ours, *outside, *_added)
    for each in found:
        if not isinstance(each, Metric):
            raise TypeError(f"an entry point of {GROUP} is no Metric: {each!r}")
    names = [*KEYS, *VERDICT, *(one.name for each in found for one in _columns(each))]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two columns of summary.csv have the same name: {', '.join(sorted(twice))}")
    return found


@cache
def columns() -> Mapping[str, Column]:
    """Return every number of ``summary.csv`` by the name of its column: values, numbers of values, bounds.

    Those of the contract come first, then the other metrics, each as its value, ``n`` and bounds.
    """
    return MappingProxyType({one.name: one for each in metrics() for one in _columns(each)})


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


def _columns(of: Metric) -> Iterator[Column]:
    for rank in of.ranks:
        yield Column(of.column(rank), of, rank)
    if of.count:
        yield Column(f"{of.key}_n", of, part="n")
    for rank in of.intervals:
        stem = of.key if rank is None else f"{of.key}_p{rank}"
        unit = "" if rank is None else f"_{of.unit}"
        yield Column(f"{stem}_low{unit}", of, rank, "low")
        yield Column(f"{stem}_high{unit}", of, rank, "high")
