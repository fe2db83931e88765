"""One metric before and after: how much it changed, and how much of that noise alone explains.

The unit is the round (one repeat): a metric's difference is the mean over rounds, of logarithms where all values are
positive and no shares of streams. Where both sides had the same schedule and have the same repeats, round k of one is
paired with round k of the other; else they are two independent samples of one variance.

Three rounds tell little of a variance, so each is moderated by what is typical of the same metric of the other clients
at the same level, in both runs, A/A controls included (Smyth 2004). That counts for ``PRIOR_DF`` degrees of freedom,
and for less the more this client varies over its rounds than they do: divided by the square of the ratio of variances
above ``UNSTEADY``, lest an unsteady client be held to the variance of steady ones. These constants were chosen by
simulation (clients alike; spreads of a factor 2; one client ten times as unsteady as all others; heavy tails; half of
the variance shared by all clients of a round): intervals of 95 % cover 94 to 98 %.
"""

from __future__ import annotations

import bisect
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import NormalDist
from typing import Literal

from loadgen.analysis import effects, rounds
from loadgen.analysis.metrics import Column
from loadgen.analysis.noise import NoiseThresholds
from loadgen.analysis.validity import SATURATED
from loadgen.model import ClientId, Level, Summary, Validity

SIGNIFICANCE = 0.05  # how often any metric at all is called different where none is
PRIOR_DF = 6.0  # degrees of freedom for which the variances of the other clients count
UNSTEADY = 1.5  # ratio of variances from which on they count for less
MIN_CHANGE = 0.02  # a smaller change, as a share, is never called one
MIN_CHANGE_MS = 0.1  # nor a smaller change of a latency
MIN_CHANGE_KIB = 64.0  # nor one of the memory of a whole process
PRACTICAL_SHARE = 0.02  # of a core, and of a process's memory: a smaller regression may stay undetected
MAX_REPEATS = 1000

Verdict = Literal["worse", "better", "same", "unknown"]
Pair = tuple[Summary, Summary]


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of one client at one level, before and after; ``base`` and ``head`` are means over rounds.

    ``change`` with its 95 % interval is a share of ``base`` where ``relative``, else in the metric's unit.
    ``detectable`` is the smallest regression that is called one half of the time, in the same terms. These four are
    ``None`` where a side has one round only, and its noise is not known. ``more_repeats`` would decide whether a
    primary metric became worse by the tolerance: 0 where that is decided already.
    """

    client: ClientId
    base_client: ClientId  # the same, unless two clients are compared
    level: Level
    column: Column
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
    def worse(self) -> int:
        """Return the sign of a change for the worse."""
        return -1 if self.column.metric.better == "higher" else 1

    @property
    def badness(self) -> float:
        """Return how much worse it became: positive is worse."""
        return 0.0 if self.change is None else self.worse * self.change


@dataclass(frozen=True, slots=True)
class Samples:
    """The values of one metric in the rounds of both sides, on the scale on which they are compared.

    ``variance`` is that of a pair of rounds, or of a round where they are not paired, with ``df`` degrees of freedom;
    ``within`` that of a side's rounds about its mean, both sides together. ``factor`` times ``variance`` is the
    variance of the difference.
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


def _same_repeats(pair: Pair, column: Column) -> bool:
    """Return whether all repeats of one side are repeats of the other, so that pairing drops none."""
    base, head = (rounds.values(summary, column.name) for summary in pair)
    return base.keys() == head.keys()


def _samples(pair: Pair, column: Column, *, paired: bool, log: bool | None = None) -> Samples | None:
    """Return the samples; ``None`` where a side has fewer than two rounds, or ``log`` is impossible."""
    one, other = (rounds.values(summary, column.name) for summary in pair)
    if paired:
        one, other = ({r: side[r] for r in sorted(one.keys() & other.keys())} for side in (one, other))
    base, head = tuple(one.values()), tuple(other.values())
    if min(len(base), len(head)) < 2:
        return None
    positive = min(*base, *head) > 0
    if log is None:
        log = positive and column.metric.kind != "share"
    if log and not positive:
        return None
    if log:
        base, head = tuple(map(math.log, base)), tuple(map(math.log, head))
    within_df = len(base) + len(head) - 2
    squares = (len(base) - 1) * effects.variance(base) + (len(head) - 1) * effects.variance(head)
    pairs = [after - before for before, after in zip(base, head, strict=True)] if paired else []
    return Samples(
        base,
        head,
        log,
        paired,
        difference=statistics.fmean(head) - statistics.fmean(base),
        variance=effects.variance(pairs) if paired else squares / within_df,
        df=len(pairs) - 1 if paired else within_df,
        within=squares / within_df,
        within_df=within_df,
        factor=1 / len(base) if paired else 1 / len(base) + 1 / len(head),
    )


@dataclass(frozen=True, slots=True)
class TestResult:
    """A difference and its noise."""

    __test__ = False  # pytest

    change: Change
    samples: Samples
    variance: float
    df: float
    counting_error: float  # standard error that counting alone causes
    noise_threshold: float
    min_change: float  # a smaller absolute change is never called one
    practical_threshold: float  # a smaller absolute regression may stay undetected
    decides: bool  # the comparison is inconclusive while this is

    @property
    def error(self) -> float:
        """Return the standard error of the difference."""
        return math.sqrt(self.variance * self.samples.factor)

    def half_width(self, significance: float, times: float = 1.0) -> float:
        """Return half the width of the interval that fails in that share of cases, with ``times`` as many rounds."""
        n = len(self.samples.base)
        df = self.df + self.samples.df * (times - 1) * n / (n - 1)
        student = effects.quantile(1 - significance / 2, df) * self.error
        return max(student, NormalDist().inv_cdf(1 - significance / 2) * self.counting_error) / math.sqrt(
            times
        )

    @property
    def p(self) -> float:
        """Return how often noise alone gives a difference of this size or more."""
        size = abs(self.samples.difference)
        if not size:
            return 1.0
        by_rounds = effects.two_sided_p(size / self.error, self.df) if self.error else 0.0
        by_counting = 2 * NormalDist().cdf(-size / self.counting_error) if self.counting_error else 0.0
        return max(by_rounds, by_counting)

    @property
    def matters(self) -> bool:
        """Return whether it is beyond the noise threshold, and large enough."""
        base, head = self.change.base, self.change.head
        enough = max(MIN_CHANGE * abs(base), self.min_change)
        return abs(self.samples.difference) > self.noise_threshold and abs(head - base) >= enough

    def smallest_detectable(self, comparisons: int, times: float = 1.0) -> float:
        """Return the smallest regression that would be called one, with ``times`` as many rounds."""
        half = max(
            self.half_width(SIGNIFICANCE / comparisons, times), self.noise_threshold / math.sqrt(times)
        )
        sign = self.change.worse
        smallest = MIN_CHANGE if self.change.relative else 0.0
        return max(sign * self.scaled(sign * half), smallest, self._scaled_absolute(self.min_change))

    def decided(self, comparisons: int, tolerance: float, times: float) -> bool:
        """Return whether ``times`` as many rounds like these would either be called worse or exclude a regression
        by the tolerance."""
        most = self.scaled(self.samples.difference + self.half_width(1 - effects.CONFIDENCE, times))
        return most <= max(
            tolerance, self._scaled_absolute(self.practical_threshold)
        ) or self.scaled(self.samples.difference) >= self.smallest_detectable(comparisons, times)  # fmt: skip

    def scaled(self, difference: float) -> float:
        """Return a difference of the samples as a share of ``base``, or in the metric's unit."""
        if self.samples.log:
            return math.expm1(min(difference, 50.0))
        return self._scaled_absolute(difference)

    def _scaled_absolute(self, change: float) -> float:
        return change / self.change.base if self.change.relative else change


class NoiseModel:
    """The known noise: ``peers`` are valid pairs, ``thresholds`` those of the runs' A/A controls."""

    def __init__(self, peers: Sequence[Pair], thresholds: Sequence[NoiseThresholds], *, paired: bool) -> None:
        self._peers, self._thresholds, self._paired = peers, thresholds, paired
        self._known: dict[tuple[int, str, bool, bool | None], Samples | None] = {}

    def samples(self, pair: Pair, column: Column) -> Samples | None:
        """Return the samples that are compared."""
        return self._samples(pair, column, self._paired and _same_repeats(pair, column), None)

    def others(self, pair: Pair, column: Column, like: Samples) -> list[Samples]:
        """Return the samples of the other pairs at the same level, paired and scaled as ``like``."""
        return [
            samples
            for peer in self._peers
            if peer is not pair and peer[1].level == pair[1].level
            if (samples := self._samples(peer, column, like.paired, like.log)) is not None
        ]

    def _samples(self, pair: Pair, column: Column, paired: bool, log: bool | None) -> Samples | None:
        key = (id(pair), column.name, paired, log)
        if key not in self._known:
            self._known[key] = _samples(pair, column, paired=paired, log=log)
        return self._known[key]

    def threshold(self, level: Level, column: Column) -> float:
        """Return the greatest noise threshold, a log ratio; 0 where no client was measured twice."""
        known = (of.threshold(level, column.name) for of in self._thresholds)
        return max((threshold for threshold in known if threshold is not None), default=0.0)


def result_of(pair: Pair, column: Column, noise: NoiseModel) -> Change | TestResult | None:
    """Return the test result, a bare change where its noise is not known, ``None`` where a side lacks the metric."""
    sides = [list(rounds.values(summary, column.name).values()) for summary in pair]
    if not all(sides):
        return None
    samples = noise.samples(pair, column)
    base, head = (
        (_mean(samples.base, log=samples.log), _mean(samples.head, log=samples.log))
        if samples
        else map(statistics.fmean, sides)
    )
    change = Change(
        client=pair[1].client,
        base_client=pair[0].client,
        level=pair[1].level,
        column=column,
        base=base,
        head=head,
        verdict="unknown",
        suspect=any(summary.validity is Validity.SUSPECT for summary in pair),
        relative=column.metric.kind != "share" and base > 0,
    )
    if samples is None:
        return change
    variance, df = _moderated(samples, noise.others(pair, column, samples))
    saturated = any((summary.value("cpu_share") or 0.0) > SATURATED for summary in pair)
    return TestResult(
        change,
        samples,
        variance,
        df,
        counting_error=_counting_error(pair, change, samples),
        noise_threshold=noise.threshold(change.level, column) if samples.log else 0.0,
        min_change=_min_change(pair[0], column),
        practical_threshold=_practical_threshold(pair[0], column),
        # Latencies of a saturated client grow for as long as the overload lasts.
        decides=column.primary and not (column.metric.kind == "latency" and saturated),
    )


def decide(result: TestResult, *, significant: bool, comparisons: int, tolerance: float) -> Change:
    """Return the change with its verdict and interval."""
    half = result.half_width(1 - effects.CONFIDENCE)
    middle = result.samples.difference
    called = significant and result.matters
    repeats = len(result.samples.base)
    more = 0
    if result.decides and result.change.relative and not called:
        more = bisect.bisect_left(
            range(repeats, MAX_REPEATS),
            True,
            key=lambda n: result.decided(comparisons, tolerance, n / repeats),
        )
    return replace(
        result.change,
        verdict=("worse" if middle * result.change.worse > 0 else "better") if called else "same",
        change=result.scaled(middle),
        low=result.scaled(middle - half),
        high=result.scaled(middle + half),
        detectable=result.smallest_detectable(comparisons),
        more_repeats=more,
    )


def _min_change(base: Summary, column: Column) -> float:
    return {"latency": MIN_CHANGE_MS, "memory": MIN_CHANGE_KIB / base.level.value}.get(
        column.metric.kind, 0.0
    )


def _practical_threshold(base: Summary, column: Column) -> float:
    if column.metric.kind == "memory":
        return PRACTICAL_SHARE * (base.value("rss_peak_mib") or 0.0) * 1024 / base.level.value
    each, percent = base.value("cpu_us_per_token"), base.value("cpu_percent")
    if column.metric.kind == "cpu" and each and percent:
        return PRACTICAL_SHARE * each / (percent / 100)
    return _min_change(base, column)


def _moderated(own: Samples, others: Sequence[Samples]) -> tuple[float, float]:
    """Return the variance, moderated by those of the other clients, and its degrees of freedom (Smyth 2004, "Linear
    models and empirical Bayes methods").
    """
    if not others:
        return own.variance, own.df
    usual = _typical([(other.within, other.within_df) for other in others])
    excess = own.within / usual / UNSTEADY if usual else math.inf if own.within else 1.0
    weight = min(PRIOR_DF, sum(other.df for other in others)) / max(1.0, excess) ** 2
    like = _typical([(other.variance, other.df) for other in others])
    df = own.df + weight
    return (own.df * own.variance + weight * like) / df, df


def _typical(variances: Sequence[tuple[float, int]]) -> float:
    """Return the geometric mean of variances with their degrees of freedom, unbiased for normal values, so that one
    unsteady client does not dominate; the arithmetic mean where one of them is 0."""
    if not all(variance for variance, _ in variances):
        return statistics.fmean(variance for variance, _ in variances)
    return math.exp(statistics.fmean(math.log(variance) - _log_bias(df) for variance, df in variances))


@cache
def _log_bias(df: int) -> float:
    """Return the bias of the logarithm of an estimated variance (Smyth 2004, section 6.2)."""
    from scipy.special import digamma

    return float(digamma(df / 2)) - math.log(df / 2)


def _counting_error(pair: Pair, change: Change, samples: Samples) -> float:
    """Return the standard error of a difference of counts or of shares, even where all rounds agree."""
    if change.column.metric.kind == "share":
        streams = [summary.value("streams") or 0 for summary in pair]
        failed = [change.base * streams[0], change.head * streams[1]]
        share = (sum(failed) + 1) / (sum(streams) + 2)
        return math.sqrt(share * (1 - share) * sum(1 / n for n in streams if n))
    if change.column.metric.kind == "count":
        rounding = math.sqrt((1 / len(samples.base) + 1 / len(samples.head)) / 12)
        return rounding / math.sqrt(change.base * change.head) if samples.log else rounding
    return 0.0


def _mean(values: Sequence[float], *, log: bool) -> float:
    middle = statistics.fmean(values)
    return math.exp(middle) if log else middle
