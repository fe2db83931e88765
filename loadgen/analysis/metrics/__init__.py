"""The table of metrics: every number of a summary, once.

The columns of ``summary.csv``, the tables and charts of the report, ``compare``, thresholds, the Streaming tab and
``docs/metrics.md`` are read from it. To add a metric, decorate a function with :func:`metric` in a file beside this
one, and add its path to :data:`METRICS`; in another package, register it as an entry point of ``loadgen.metrics``.

    >>> column("ttft_p99_ms").metric.label
    'TTFT'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from loadgen import registry
from loadgen.analysis.measures import Flags, Ints, Measured, Times
from loadgen.analysis.percentiles import NEEDED, percentiles
from loadgen.analysis.repeats import Repeat
from loadgen.model import Group

GROUP = "loadgen.metrics"

# The columns of summary.csv that are no metrics: those before the metrics of the contract, and those after them.
KEYS = ("client", "mode", "concurrency", "repeats")
VERDICT = ("validity", "reasons", "limited_by", "low_sample", "outcomes", "finish_reasons", "rate")


def _in(module: str, *names: str) -> list[str]:
    return [f"loadgen.analysis.metrics.{module}:{name}" for name in names]


# Where the metrics are; first those whose columns other people's scripts rely on, in the order of their columns.
CONTRACT: tuple[str, ...] = (
    *_in("streams", "streams", "ok", "errors", "live_peak"),
    *_in("output", "tokens", "tokens_per_s"),
    *_in("latency", "ttft", "itl", "total"),
    *_in("lag", "lag"),
    *_in("memory", "rss_base_mib", "rss_peak_mib", "rss_per_stream_kib", "threads_peak"),
    *_in("cpu", "cpu_s", "cpu_us_per_token"),
    *_in("switches", "voluntary_switches_per_token", "involuntary_switches_per_token"),
)
METRICS: tuple[str, ...] = (
    *CONTRACT,
    *_in("streams", "live_mean"),
    *_in("output", "events_per_read", "text_events", "server_tokens", "tokens_per_stream"),
    *_in("output", "thinking_tokens", "answer_tokens", "tokens_per_event"),
    *_in("output", "tool_call_events", "tool_call_streams", "refusal_events", "refusal_streams"),
    *_in(
        "asked",
        "input_asked_p50",
        "input_tokens_p50",
        "input_asked_spread",
        "input_spread",
        "input_off_percent",
    ),
    *_in("asked", "output_asked_p50", "output_tokens_p50", "output_asked_spread", "output_spread"),
    *_in("asked", "output_off_percent", "cached_percent"),
    *_in("latency", "answer_ttft", "headers", "tpot", "send_delay", "to_wire"),
    *_in("latency", "normalized_latency", "normalized_latency_mean_ms"),
    *_in("latency", "ttft_connected", "connecting", "dns", "connect", "tls"),
    *_in("connections", "connections", "streams_per_connection"),
    *_in("parts", "load", "queue", "prompt", "first_decode", "unsplit", "decode", "rest", "contradicted"),
    *_in("parts", "prompt_tokens_per_s", "decode_tokens_per_s", "served_peak"),
    *_in("lag", "relative_lag", "lag_error_ms"),
    *_in("cpu", "cpu_percent", "cpu_share", "run_wait_percent", "cpu_busiest_second_percent"),
    *_in("switches", "switches_per_token"),
    *_in("streams", "errors_share", "failure_wait_s"),
    *_in("memory", "threads_added"),
    *_in("goodput", "good_percent", "goodput_per_s", "good", "not_judged", "cut", "never_started"),
    *_in("goodput", "missed_ttft", "missed_itl", "missed_tpot", "missed_total", "single_gaps"),
    *_in("open_load", "offered_per_s", "started_per_s", "completed_per_s", "held_back_per_s"),
    *_in("open_load", "not_started_per_s", "backlog_growth_per_s"),
    *_in("open_load", "ttft_corrected", "total_corrected", "held"),
    *_in("output", "loads", "load_max_ms"),
    *_in("streams", "startup_streams"),
    *_in("latency", "startup_ttft", "start_delay", "drain"),
    *_in("body", "ttfb", "read_gap", "mib_per_s", "stream_mib_per_s", "received_bytes", "bytes_per_read"),
    *_in("body", "cpu_us_per_mib"),
    *_in("machine", "others_percent", "steal_percent", "core_wanted_percent"),
    *_in("machine", "stopped_percent", "throttled_percent"),
    *_in("machine", "others_wait_ms", "steal_wait_ms", "simulator_late_p50_ms", "simulator_late_p99_ms"),
)

Rank = int | None  # a percentile; None: the value of a metric that has no percentiles
Ranks = tuple[Rank, ...]
VALUE: Ranks = (None,)

Topic = Literal["streams", "latency", "cost"]
Kind = Literal["latency", "rate", "cpu", "switches", "memory", "count", "share", "ratio"]
GROUPS: Mapping[Kind, Group] = MappingProxyType(
    {
        "rate": Group.MEDIAN,
        "cpu": Group.CPU,
        "switches": Group.CPU,
        "memory": Group.MEMORY,
        "count": Group.MEMORY,
    }
)
"""The group of figures that a kind of metric belongs to; latencies belong to that of their percentile."""
Better = Literal["lower", "higher", None]


@dataclass(frozen=True, slots=True)
class Repeats:
    """The repeats of one client at one level: the ``included`` ones, and ``all``, those excluded as invalid too."""

    included: Sequence[Repeat]
    all: Sequence[Repeat]

    @property
    def parts(self) -> list[Measured]:
        """Return the parts of the included repeats: one for each worker and repeat."""
        return [part for repeat in self.included for part in repeat.parts]

    @property
    def have_tokens(self) -> bool:
        """Return whether the streams have tokens; without any of them too."""
        return all(part.has_tokens for part in self.all_parts)

    @property
    def all_parts(self) -> list[Measured]:
        """Return the parts of all repeats."""
        return [part for repeat in self.all for part in repeat.parts]


def included(measured: Measured) -> Flags:
    """Return which streams count for latencies: due after the warm-up, and ok."""
    return measured.included


@dataclass(frozen=True, slots=True)
class PerStream:
    """A time for each stream: ``values`` has one per row, int64 nanoseconds, -1 where there is none.

    ``streams`` selects the rows; by default those that are ok and were due after the warm-up.
    """

    values: Callable[[Measured], Ints]
    streams: Callable[[Measured], Flags] = included

    def times(self, measured: Measured) -> Times:
        """Return the values of the selected streams that have one."""
        values = self.values(measured)
        rows = np.flatnonzero(self.streams(measured) & (values >= 0)).astype(np.int32)
        return Times(values[rows], rows)


@dataclass(frozen=True, slots=True)
class PerToken:
    """A time for each token of the included streams, or for each gap between them; ``None`` where they mean nothing."""

    values: Callable[[Measured], Times | None]

    def times(self, measured: Measured) -> Times:
        """Return the values; none where they mean nothing."""
        return self.values(measured) or Times(np.zeros(0, np.int64), np.zeros(0, np.int32))


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number over the repeats, or ``None`` where it was not measured. Of a :func:`share` it has ``counts``."""

    value: Callable[[Repeats], float | None]
    counts: Callable[[Repeats], tuple[int, int] | None] | None = None
    whole: float = 1.0  # of a share


def share(counts: Callable[[Repeats], tuple[int, int] | None], whole: float = 1.0) -> Scalar:
    """Return the share, ``whole`` times, of ``counts``: how many streams are so, of how many."""

    def value(repeats: Repeats) -> float | None:
        found = counts(repeats)
        return whole * found[0] / found[1] if found and found[1] else None

    return Scalar(value, counts, whole)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Metric:
    """One number of a client at one level. Every table, chart, comparison and threshold is made from this record.

    A metric of times (:class:`PerStream`, :class:`PerToken`) has ``percentiles``, in milliseconds, and a column
    ``<key>_p<percentile>_ms`` for each. The key of a :class:`Scalar` is its column, so it names its unit itself.

    ``percentiles``: keys of :data:`~loadgen.analysis.percentiles.NEEDED`; empty for a scalar.
    ``decimals``: digits after the point; 0 for a whole number, ``None`` for three significant digits.
    ``better``: which direction is an improvement; ``None`` where none is.
    ``kind``: how a difference is tested, and to which group of figures it belongs. Shares are 0..1.
    ``intervals``: which columns have a 95 % interval.
    ``count``: whether ``<key>_n``, the number of values, is a column.
    ``compared``, ``primary``: which columns ``compare`` tests, and which of them decide its exit code.
    ``drawn``, ``tabled``: which columns are in charts, and in the report's tables.
    ``live``: which percentiles the Streaming tab shows; they need not be columns. Of scalars it shows tokens/s and CPU.
    ``short``: which columns are in the terminal's table, with a priority; the highest number is dropped first.
    ``headline``: which columns are among the few that head a report: their place, and two lines of heading.
    ``heading``: what stands above it in a narrow table; the label where it is empty.
    ``grouped``: its label, and what stands above it in a narrow table, where text events carry several tokens.
    ``needs``: the scenario's key without which it is not measured.

    A metric that a load, protocol or platform cannot have gives -1 or ``None`` there, and its columns stay empty.
    Raises ValueError where these do not fit together.
    """

    key: str
    label: str
    description: str
    formula: PerStream | PerToken | Scalar
    topic: Topic
    unit: str = "ms"
    better: Better = "lower"
    percentiles: tuple[int, ...] = ()
    decimals: int | None = None
    kind: Kind = "ratio"
    intervals: Ranks = ()
    count: bool = False
    compared: Ranks = ()
    primary: Ranks = ()
    drawn: Ranks = ()
    live: Ranks = ()
    tabled: Ranks = ()
    short: Mapping[Rank, int] = field(default_factory=dict)
    headline: Mapping[Rank, tuple[int, str, str]] = field(default_factory=dict)
    heading: str = ""
    grouped: tuple[str, str] = ("", "")
    needs: str = ""

    def __post_init__(self) -> None:
        scalar = isinstance(self.formula, Scalar)
        if not re.fullmatch("[a-z][a-z0-9_]*", self.key):
            raise ValueError(f"{self.key!r} cannot name a column: use small letters, digits and _")
        for name, known in (("topic", Topic), ("better", Better), ("kind", Kind)):
            if (value := getattr(self, name)) not in get_args(known):
                raise ValueError(f"{self.key}: no such {name}: {value!r}; there are {get_args(known)}")
        if self.percentiles and self.unit != "ms":
            raise ValueError(f"{self.key}: percentiles are of times, in ms")
        if scalar == bool(self.percentiles):
            raise ValueError(f"{self.key}: metrics of times have percentiles, scalars have none")
        if unknown := set(self.percentiles) - set(NEEDED):
            raise ValueError(f"{self.key}: no such percentile: {unknown}; there are {tuple(NEEDED)}")
        if impossible := set(self.live) - {*(VALUE if scalar else NEEDED)}:
            raise ValueError(f"{self.key}: live names {impossible}, which the Streaming tab cannot show")
        if self.intervals and isinstance(self.formula, PerStream) and self.formula.streams is not included:
            raise ValueError(f"{self.key}: intervals come from resampling the included streams")
        for name in ("intervals", "compared", "primary", "drawn", "tabled", "short", "headline"):
            if unknown := set(getattr(self, name)) - set(self.ranks):
                raise ValueError(f"{self.key}: {name} names {unknown}, which is none of its columns")

    @property
    def ranks(self) -> Ranks:
        """Return its percentiles; ``(None,)`` for a scalar."""
        return self.percentiles or VALUE

    def column(self, rank: Rank = None) -> str:
        """Return the name of the column of that percentile; without one, of a scalar."""
        return self.key if rank is None else f"{self.key}_p{rank}_{self.unit}"


_Function = TypeVar("_Function", bound=Callable[..., object])


def metric(
    formula: Callable[[_Function], PerStream | PerToken | Scalar], **fields: Any
) -> Callable[[_Function], Metric]:
    """Return a decorator that makes a :class:`Metric` of a function: its name is the key, its docstring the
    description. ``fields`` are the others.
    """

    def made(function: _Function) -> Metric:
        description = " ".join((function.__doc__ or "").split())
        return Metric(key=function.__name__, description=description, formula=formula(function), **fields)

    return made


@dataclass(frozen=True, slots=True)
class Column:
    """A number in ``summary.csv``: the value of a metric, a bound of its 95 % interval, or its number of values."""

    name: str
    metric: Metric
    rank: Rank = None
    part: Literal["value", "low", "high", "n"] = "value"

    @property
    def label(self) -> str:
        """Return what people call it, such as ``TTFT p99``."""
        percentile = "" if self.rank is None else f" p{self.rank}"
        end = {"value": "", "low": ", lower bound", "high": ", upper bound", "n": ", number of values"}
        return f"{self.metric.label}{percentile}{end[self.part]}"

    @property
    def unit(self) -> str:
        """Return its unit; empty for a number of things."""
        return "" if self.part == "n" else self.metric.unit

    @property
    def whole(self) -> bool:
        """Return whether it is a whole number."""
        return self.part == "n" or self.metric.decimals == 0

    @property
    def primary(self) -> bool:
        """Return whether a change of it decides the exit code of ``compare``."""
        return self.part == "value" and self.rank in self.metric.primary

    @property
    def group(self) -> Group | None:
        """Return the group of figures that is disturbed with it; ``None`` for counts of streams, shares and ratios."""
        if self.part == "n":
            return None
        if self.metric.kind == "latency":
            return Group.MEDIAN if self.rank in (None, 50) else Group.TAIL
        return GROUPS.get(self.metric.kind)

    def measured(self, repeats: Repeats) -> float | None:
        """Return the value over these repeats; ``None`` where they have too few for a percentile, or none."""
        formula = self.metric.formula
        if isinstance(formula, Scalar):
            return formula.value(repeats)
        vectors = [formula.times(part).values for part in repeats.parts]
        if self.part == "n":
            return sum(map(len, vectors))
        assert self.rank is not None
        return percentiles(np.concatenate(vectors), [self.rank])[self.rank] if vectors else None


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


def _columns(of: Metric) -> Iterator[Column]:
    for rank in of.ranks:
        yield Column(of.column(rank), of, rank)
    if of.count:
        yield Column(f"{of.key}_n", of, part="n")
    for rank in of.intervals:
        stem, unit = (of.key, "") if rank is None else (f"{of.key}_p{rank}", f"_{of.unit}")
        yield Column(f"{stem}_low{unit}", of, rank, "low")
        yield Column(f"{stem}_high{unit}", of, rank, "high")


def column(name: str) -> Column:
    """Return the column of that name, with its metric and percentile. Raises KeyError."""
    return columns()[name]


def compared() -> list[Column]:
    """Return the columns that two runs are compared by, those that decide first."""
    found = [of for of in columns().values() if of.part == "value" and of.rank in of.metric.compared]
    return sorted(found, key=lambda of: not of.primary)


def headline() -> list[Column]:
    """Return the columns that head a report, in their order."""
    found = [of for of in columns().values() if of.part == "value" and of.rank in of.metric.headline]
    return sorted(found, key=lambda of: of.metric.headline[of.rank][0])


def short() -> list[tuple[Column, int]]:
    """Return the columns of the terminal's table in their order, each with its priority.

    Where there is no room for all, the column with the highest number goes first.
    """
    values = (of for of in columns().values() if of.part == "value")
    return [(of, of.metric.short[of.rank]) for of in values if of.rank in of.metric.short]


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
