"""What a metric is, and what its formula is computed from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict, TypeVar, Unpack

import numpy as np

from loadgen.analysis.measures import Flags, Ints, Measured, Times
from loadgen.analysis.percentiles import NEEDED
from loadgen.analysis.repeats import Repeat

Rank = int | None  # a percentile; None: the value of a metric that has no percentiles
Ranks = tuple[Rank, ...]
VALUE: Ranks = (None,)

Topic = Literal["streams", "latency", "cost"]
Kind = Literal["latency", "ratio", "cpu", "memory", "count", "share"]
Better = Literal["lower", "higher"] | None


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
        found = self.values(measured)
        return Times(np.zeros(0, np.int64), np.zeros(0, np.int32)) if found is None else found


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number over the repeats, or ``None`` where it was not measured."""

    value: Callable[[Repeats], float | None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Metric:
    """One number of a client at one level. Every table, chart, comparison and threshold is made from this record.

    A metric of times (:class:`PerStream`, :class:`PerToken`) has ``percentiles``, in milliseconds, and a column
    ``<key>_p<percentile>_ms`` for each. The key of a :class:`Scalar` is its column, so it names its unit itself.

    ``percentiles``: keys of :data:`~loadgen.analysis.percentiles.NEEDED`; empty for a scalar.
    ``decimals``: digits after the point; 0 for a whole number, ``None`` for three significant digits.
    ``better``: which direction is an improvement; ``None`` where none is.
    ``kind``: how a difference is tested. Shares are 0..1.
    ``intervals``: which columns have a 95 % interval.
    ``count``: whether ``<key>_n``, the number of values, is a column.
    ``compared``, ``primary``: which columns ``compare`` tests, and which of them decide its exit code.
    ``drawn``, ``tabled``: which columns are in charts, and in the report's tables.
    ``live``: which percentiles the Streaming tab shows; they need not be columns. Of scalars it shows tokens/s and CPU.
    ``short``: which columns are in the terminal's table, with a priority; the highest number is dropped first.
    ``heading``: what stands above it in a narrow table; the label where it is empty.

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
    short: Mapping[Rank, int] | None = None
    heading: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch("[a-z][a-z0-9_]*", self.key):
            raise ValueError(f"{self.key!r} cannot name a column: use small letters, digits and _")
        if self.percentiles and self.unit != "ms":
            raise ValueError(f"{self.key}: percentiles are of times, in ms")
        if isinstance(self.formula, Scalar) == bool(self.percentiles):
            raise ValueError(f"{self.key}: metrics of times have percentiles, scalars have none")
        if unknown := set(self.percentiles) - set(NEEDED):
            raise ValueError(
                f"{self.key}: no such percentile: {unknown}; there are {', '.join(map(str, NEEDED))}"
            )
        if impossible := set(self.live) - {*(VALUE if isinstance(self.formula, Scalar) else NEEDED)}:
            raise ValueError(f"{self.key}: live names {impossible}, which the Streaming tab cannot show")
        if self.intervals and isinstance(self.formula, PerStream) and self.formula.streams is not included:
            raise ValueError(f"{self.key}: intervals come from resampling the included streams")
        for name in ("intervals", "compared", "primary", "drawn", "tabled", "short"):
            if unknown := set(getattr(self, name) or ()) - set(self.ranks):
                raise ValueError(f"{self.key}: {name} names {unknown}, which is none of its columns")

    @property
    def ranks(self) -> Ranks:
        """Return its percentiles; ``(None,)`` for a scalar."""
        return self.percentiles or VALUE

    def column(self, rank: Rank = None) -> str:
        """Return the name of the column of that percentile; without one, of a scalar."""
        return self.key if rank is None else f"{self.key}_p{rank}_{self.unit}"


class Details(TypedDict, total=False):
    """The fields of a :class:`Metric` that have a default."""

    unit: str
    better: Better
    percentiles: tuple[int, ...]
    decimals: int | None
    kind: Kind
    intervals: Ranks
    count: bool
    compared: Ranks
    primary: Ranks
    drawn: Ranks
    live: Ranks
    tabled: Ranks
    short: Mapping[Rank, int]
    heading: str


_Function = TypeVar("_Function", bound=Callable[..., object])


def metric(
    formula: Callable[[_Function], PerStream | PerToken | Scalar],
    *,
    label: str,
    topic: Topic,
    **details: Unpack[Details],
) -> Callable[[_Function], Metric]:
    """Return a decorator that makes a metric of a function: its name is the key, its docstring the description."""

    def made(function: _Function) -> Metric:
        description = " ".join((function.__doc__ or "").split())
        return Metric(
            key=function.__name__,
            label=label,
            description=description,
            formula=formula(function),
            topic=topic,
            **details,
        )

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
