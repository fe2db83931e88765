"""One figure before and after: what it changed by, and how much of that noise alone explains.

The unit is the block (one repeat): a figure's difference is the mean over blocks, of logarithms where all values
are positive and no shares of streams. Where both sides had the same schedule and have the same repeats, block k of
one is paired with block k of the other; else they are two independent samples of one variance.

Three blocks tell little of a variance, so each is moderated by what is typical of the same figure's other cells at
the same concurrency, in both runs, a client's second name included (Smyth 2004). That counts for ``WEIGHT`` degrees
of freedom, and for less the more the cell itself is spread out over its blocks than they are: by the square of the
ratio of variances above ``UNSTEADY``, lest one unsteady client be judged by its calm neighbours. These constants were
chosen by simulation (clients alike; spreads of a factor 2; one client ten times as unsteady as all others; heavy
tails; half of the variance shared by all clients of a block): intervals of 95 % cover 94 to 98 %.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import NormalDist
from typing import Literal

from loadgen.analysis import effects, rounds
from loadgen.analysis.noise import Floors
from loadgen.analysis.validity import SATURATED
from loadgen.model import ClientId, Level, Summary, Validity

LEVEL = 0.05  # how often anything at all is called different where nothing is
WEIGHT = 6.0  # degrees of freedom for which the variances of the other cells count
UNSTEADY = 1.5  # times as much variance as theirs, from which on they count for less
LEAST = 0.02  # a smaller change, as a share, is never called one
LEAST_MS = 0.1  # nor a smaller change of a latency
LEAST_KIB = 64.0  # nor one of the memory of a whole process
MINDED = 0.02  # of a core, and of a process's memory: a smaller worsening may go unnoticed
MOST_REPEATS = 1000
EULER = 0.5772156649015329  # Euler and Mascheroni's constant

Kind = Literal["latency", "ratio", "cpu", "memory", "count", "share"]
Verdict = Literal["worse", "better", "same", "unknown"]
Pair = tuple[Summary, Summary]


@dataclass(frozen=True, slots=True)
class Judged:
    """A figure that is compared. ``worse`` is 1 where more of it is worse, else -1; by the ``primary`` ones it is
    decided whether a comparison can tell, but not by a latency of a client that had no core left."""

    name: str
    title: str
    unit: str
    of: rounds.Figure
    kind: Kind = "ratio"
    worse: int = 1
    primary: bool = False


def _latency(name: str, title: str, primary: bool = False) -> Judged:
    return Judged(name, title, "ms", rounds.column(name), "latency", primary=primary)


JUDGED = (
    _latency("ttft_p50_ms", "TTFT p50", primary=True),
    _latency("total_p50_ms", "total p50", primary=True),
    Judged("cpu_us_per_token", "CPU per token", "µs", rounds.column("cpu_us_per_token"), "cpu", primary=True),
    Judged(
        "rss_per_stream_kib",
        "memory per stream",
        "KiB",
        rounds.column("rss_per_stream_kib"),
        "memory",
        primary=True,
    ),
    _latency("lag_p99_ms", "lag p99"),
    _latency("ttft_p99_ms", "TTFT p99"),
    _latency("itl_p99_ms", "ITL p99"),
    _latency("lag_p50_ms", "lag p50"),
    _latency("send_delay_p99_ms", "request delay p99"),
    Judged("tokens_per_s", "tokens/s", "tokens/s", rounds.column("tokens_per_s"), worse=-1),
    Judged("errors_share", "errors", "%", rounds.column("errors_share"), "share"),
    Judged("switches_per_token", "switches per token", "switches", rounds.switches),
    Judged("threads_peak", "threads", "threads", rounds.column("threads_peak"), "count"),
)


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of one cell, before and after; ``base`` and ``head`` are means over blocks.

    ``change`` with its 95 % interval is a share of ``base`` where ``relative``, else in the figure's unit.
    ``detectable`` is the least worsening that is called one half of the time, in the same terms; these four are
    ``None`` where a side has one block only, and its noise is not known. ``more_repeats`` would tell whether a
    primary figure became worse by the tolerance: 0 where that is told already.
    """

    client: ClientId
    against: ClientId  # the client of BASE: the same, unless two clients are compared
    level: Level
    figure: Judged
    base: float
    head: float
    verdict: Verdict
    suspect: bool
    relative: bool
    change: float | None = None
    low: float | None = None
    high: float | None = None
    detectable: float | None = None
    more_repeats: int = 0

    @property
    def badness(self) -> float:
        """How much worse it became: positive is worse."""
        return 0.0 if self.change is None else self.figure.worse * self.change


@dataclass(frozen=True, slots=True)
class Sides:
    """The values of one figure in the blocks of both sides, on the scale on which they are compared.

    ``variance`` is that of a pair of blocks, or where they are not paired of a block, with ``df`` degrees of
    freedom; ``within`` that of a side's blocks about its mean, both sides together. ``factor`` times ``variance``
    is the variance of the difference.
    """

    base: tuple[float, ...]
    head: tuple[float, ...]
    log: bool
    paired: bool
    difference: float
    variance: float
    df: int
    within: float
    within_df: int
    factor: float


def _paired(pair: Pair, figure: Judged) -> bool:
    """Whether all repeats of one side are repeats of the other: pairs must not cost any."""
    one, other = (rounds.values(summary, figure.of) for summary in pair)
    return one.keys() == other.keys()


def _sides(pair: Pair, figure: Judged, *, paired: bool, log: bool | None = None) -> Sides | None:
    """``None`` where a side has fewer than two blocks, or a value that has no logarithm when that is asked for."""
    one, other = (rounds.values(summary, figure.of) for summary in pair)
    if paired:
        one, other = ({r: side[r] for r in sorted(one.keys() & other.keys())} for side in (one, other))
    base, head = tuple(one.values()), tuple(other.values())
    if min(len(base), len(head)) < 2:
        return None
    positive = min(*base, *head) > 0
    if log is None:
        log = positive and figure.kind != "share"
    if log and not positive:
        return None
    if log:
        base, head = tuple(map(math.log, base)), tuple(map(math.log, head))
    within_df = len(base) + len(head) - 2
    squares = (len(base) - 1) * effects.variance(base) + (len(head) - 1) * effects.variance(head)
    pairs = [after - before for before, after in zip(base, head, strict=True)] if paired else []
    return Sides(
        base,
        head,
        log,
        paired,
        difference=_mean(head) - _mean(base),
        variance=effects.variance(pairs) if paired else squares / within_df,
        df=len(pairs) - 1 if paired else within_df,
        within=squares / within_df,
        within_df=within_df,
        factor=1 / len(base) if paired else 1 / len(base) + 1 / len(head),
    )


@dataclass(frozen=True, slots=True)
class Tested:
    """A difference with what is known of its noise."""

    change: Change
    sides: Sides
    variance: float
    df: float
    chance: float  # standard error that counting alone gives
    floor: float
    small: float  # an absolute change that is never called one
    minded: float  # an absolute worsening that may go unnoticed
    decides: bool  # nothing can be told of the runs while this cannot be

    @property
    def error(self) -> float:
        return math.sqrt(self.variance * self.sides.factor)

    def half(self, level: float, times: float = 1.0) -> float:
        """Half the width of the interval that fails in a share ``level`` of cases, with ``times`` as many blocks."""
        number = len(self.sides.base)
        df = self.df + self.sides.df * (times - 1) * number / (number - 1)
        student = _between(df, lambda whole: effects.quantile(1 - level / 2, whole)) * self.error
        return max(student, NormalDist().inv_cdf(1 - level / 2) * self.chance) / math.sqrt(times)

    @property
    def p(self) -> float:
        """How often noise alone gives so great a difference."""
        size = abs(self.sides.difference)
        if not size:
            return 1.0
        t = size / self.error if self.error else math.inf
        of_blocks = 2 * _between(self.df, lambda whole: 1 - effects.distribution(t, whole))
        return max(of_blocks, 2 * NormalDist().cdf(-size / self.chance) if self.chance else 0.0)

    @property
    def matters(self) -> bool:
        """Beyond the noise floor, and large enough."""
        base, head = self.change.base, self.change.head
        return abs(self.sides.difference) > self.floor and abs(head - base) >= max(
            LEAST * abs(base), self.small
        )

    def least(self, comparisons: int, times: float = 1.0) -> float:
        """The least worsening that would be called one, with ``times`` as many blocks."""
        half = max(self.half(LEVEL / comparisons, times), self.floor / math.sqrt(times))
        sign = self.change.figure.worse
        return max(
            sign * self.shown(sign * half), LEAST if self.change.relative else 0.0, self._share(self.small)
        )

    def tells(self, comparisons: int, tolerance: float, times: float) -> bool:
        """Whether ``times`` as many blocks that differ as these do would either be called worse, or leave no
        room for a worsening by the tolerance."""
        return (
            self.shown(self.sides.difference + self.half(1 - effects.LEVEL, times))
            <= max(tolerance, self._share(self.minded))
            or self.shown(self.sides.difference) >= self.least(comparisons, times)
        )  # fmt: skip

    def _share(self, change: float) -> float:
        """An absolute change as :meth:`shown` gives differences."""
        return change / self.change.base if self.change.relative else change

    def shown(self, value: float) -> float:
        """A difference as a share of ``base``, or in the figure's unit."""
        if self.sides.log:
            return math.expm1(min(value, 50.0))
        return value / self.change.base if self.change.relative else value


def _between(df: float, of: Callable[[int], float]) -> float:
    """Of Student's t with degrees of freedom that are no whole number: between its neighbours, by their inverses."""
    whole = int(df)
    if df == whole:
        return of(whole)
    share = (1 / whole - 1 / df) * whole * (whole + 1)
    return (1 - share) * of(whole) + share * of(whole + 1)


class Noise:
    """What may testify of noise: ``peers`` are pairs of which nothing is invalid, ``floors`` those of the runs."""

    def __init__(self, peers: Sequence[Pair], floors: Sequence[Floors], *, paired: bool) -> None:
        self._peers, self._floors, self._paired = peers, floors, paired
        self._known: dict[tuple[int, Judged, bool, bool | None], Sides | None] = {}

    def sides(self, pair: Pair, figure: Judged) -> Sides | None:
        """Those that are compared."""
        return self._sides(pair, figure, self._paired and _paired(pair, figure), None)

    def others(self, pair: Pair, figure: Judged, like: Sides) -> list[Sides]:
        """Those of the others at the same concurrency, taken as these are."""
        beside = (p for p in self._peers if p is not pair and p[1].level == pair[1].level)
        return [
            sides
            for peer in beside
            if (sides := self._sides(peer, figure, like.paired, like.log)) is not None
        ]

    def _sides(self, pair: Pair, figure: Judged, paired: bool, log: bool | None) -> Sides | None:
        key = (id(pair), figure, paired, log)
        if key not in self._known:
            self._known[key] = _sides(pair, figure, paired=paired, log=log)
        return self._known[key]

    def floor(self, level: Level, figure: Judged) -> float:
        """The greatest, on a scale of logarithms; 0 where no client was measured twice."""
        known = (of.floor(level, figure.of) for of in self._floors)
        return max((floor for floor in known if floor is not None), default=0.0)


def tested(pair: Pair, figure: Judged, noise: Noise) -> Change | Tested | None:
    """``None`` where a side lacks the figure, a bare change where its noise is not known."""
    levels = [list(rounds.values(summary, figure.of).values()) for summary in pair]
    if not all(levels):
        return None
    sides = noise.sides(pair, figure)
    base = _level(sides.base, log=sides.log) if sides else _mean(levels[0])
    change = Change(
        client=pair[1].client,
        against=pair[0].client,
        level=pair[1].level,
        figure=figure,
        base=base,
        head=_level(sides.head, log=sides.log) if sides else _mean(levels[1]),
        verdict="unknown",
        suspect=any(summary.validity is Validity.SUSPECT for summary in pair),
        relative=figure.kind != "share" and base > 0,
    )
    if sides is None:
        return change
    variance, df = _moderated(sides, noise.others(pair, figure, sides))
    return Tested(
        change,
        sides,
        variance,
        df,
        chance=_chance(pair, change, sides),
        floor=noise.floor(change.level, figure) if sides.log else 0.0,
        small=_small(pair[0], figure),
        minded=_minded(pair[0], figure),
        decides=figure.primary and not (figure.kind == "latency" and any(map(_saturated, pair))),
    )


def _saturated(summary: Summary) -> bool:
    """Its latencies grow for as long as it lasts: how far they came is no property of the client."""
    return (summary.value("cpu_share") or 0.0) > SATURATED


def _small(base: Summary, figure: Judged) -> float:
    return {"latency": LEAST_MS, "memory": LEAST_KIB / base.level.value}.get(figure.kind, 0.0)


def _minded(base: Summary, figure: Judged) -> float:
    if figure.kind == "memory":
        return MINDED * (base.value("rss_peak_mib") or 0.0) * 1024 / base.level.value
    each, percent = base.value("cpu_us_per_token"), base.value("cpu_percent")
    if figure.kind == "cpu" and each and percent:
        return MINDED * each / (percent / 100)
    return _small(base, figure)


def _moderated(own: Sides, others: Sequence[Sides]) -> tuple[float, float]:
    if not others:
        return own.variance, own.df
    calm = _typical([(other.within, other.within_df) for other in others])
    excess = own.within / calm / UNSTEADY if calm else math.inf if own.within else 1.0
    weight = min(WEIGHT, sum(other.df for other in others)) / max(1.0, excess) ** 2
    like = _typical([(other.variance, other.df) for other in others])
    return effects.moderated(own.variance, own.df, [like], weight)


def _typical(variances: Sequence[tuple[float, int]]) -> float:
    """Of variances with their degrees of freedom the geometric mean, made unbiased for normal values, so that a
    single unsteady one does not stand for all; the arithmetic mean where one of them is 0."""
    if not all(variance for variance, _ in variances):
        return _mean([variance for variance, _ in variances])
    return math.exp(_mean([math.log(variance) - _log_bias(df) for variance, df in variances]))


@cache
def _log_bias(df: int) -> float:
    """By how much the logarithm of an estimated variance is too small on average."""
    half = df / 2
    digamma = -EULER if df % 2 == 0 else -EULER - 2 * math.log(2)
    return digamma + math.fsum(1 / (half - k) for k in range(1, math.ceil(half))) - math.log(half)


def _chance(pair: Pair, change: Change, sides: Sides) -> float:
    """The standard error of a difference of counts or of shares, though all blocks tell the same."""
    if change.figure.kind == "share":
        streams = [summary.value("streams") or 0 for summary in pair]
        failed = [change.base * streams[0], change.head * streams[1]]
        share = (sum(failed) + 1) / (sum(streams) + 2)
        return math.sqrt(share * (1 - share) * sum(1 / n for n in streams if n))
    if change.figure.kind == "count":
        rounding = math.sqrt((1 / len(sides.base) + 1 / len(sides.head)) / 12)
        return rounding / math.sqrt(change.base * change.head) if sides.log else rounding
    return 0.0


def judged(test: Tested, *, beyond_noise: bool, comparisons: int, tolerance: float) -> Change:
    half = test.half(1 - effects.LEVEL)
    middle = test.sides.difference
    called = beyond_noise and test.matters
    repeats = len(test.sides.base)
    more = 0
    if test.decides and test.change.relative and not called:
        more = bisect.bisect_left(
            range(repeats, MOST_REPEATS), True, key=lambda n: test.tells(comparisons, tolerance, n / repeats)
        )
    return replace(
        test.change,
        verdict=("worse" if middle * test.change.figure.worse > 0 else "better") if called else "same",
        change=test.shown(middle),
        low=test.shown(middle - half),
        high=test.shown(middle + half),
        detectable=test.least(comparisons),
        more_repeats=more,
    )


def _level(values: Sequence[float], *, log: bool) -> float:
    return math.exp(_mean(values)) if log else _mean(values)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
