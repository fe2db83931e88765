"""One metric before and after: how much it changed, and how much of that noise alone explains.

The unit is the round (one repeat): a metric's difference is the mean over rounds, of logarithms where all values are
positive and no shares of streams. Where both sides had the same schedule and have the same repeats, round k of one is
paired with round k of the other; else they are two independent samples of one variance.

Three rounds tell little of a variance, so each is moderated by what is typical of the same metric of the other clients
at the same level, in both runs, A/A controls included (Smyth 2004). That counts for ``PRIOR_DF`` degrees of freedom,
and for less the more this client varies over its rounds than they do: divided by the square of the ratio of variances
above ``UNSTEADY``, lest an unsteady client be held to the variance of steady ones. One that varies ``WILD`` times as
much, since the machine spoilt a round of it, tells nothing of a steady client. These constants were chosen by
simulation (clients alike; spreads of a factor 2; one client ten times as unsteady as all others; heavy tails; half of
the variance shared by all clients of a round): intervals of 95 % cover 94 to 98 %.
"""

from __future__ import annotations

import bisect
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

from loadgen.analysis import effects, rounds
from loadgen.analysis.machine import BUSY_PERCENT
from loadgen.analysis.metrics import Column
from loadgen.analysis.noise import NoiseThresholds
from loadgen.model import ClientId, Level, Summary, Validity

SIGNIFICANCE = 0.05  # how often any metric at all is called different where none is
PRIOR_DF = 6.0  # degrees of freedom for which the variances of the other clients count
UNSTEADY = 1.5  # ratio of variances from which on they count for less
WILD = 100.0  # ratio of variances from which on another client does not count
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

    base: Sequence[float]
    head: Sequence[float]
    log: bool
    paired: bool
    variance: float
    df: int
    within: float
    within_df: int
    factor: float

    @property
    def difference(self) -> float:
        """Return the difference of the means."""
        return statistics.fmean(self.head) - statistics.fmean(self.base)


def _samples(pair: Pair, column: Column, *, paired: bool, log: bool | None = None) -> Samples | None:
    """Return the samples; ``None`` where a side has fewer than two rounds, or ``log`` is impossible."""
    one, other = (rounds.values(summary, column.name) for summary in pair)
    if paired:
        one, other = ({r: side[r] for r in sorted(one.keys() & other.keys())} for side in (one, other))
    sides = [list(one.values()), list(other.values())]
    if min(map(len, sides)) < 2:
        return None
    positive = min(map(min, sides)) > 0
    if log is None:
        log = positive and not is_share(column)
    if log and not positive:
        return None
    base, head = ([math.log(value) for value in side] for side in sides) if log else sides
    df = len(base) + len(head) - 2
    within = ((len(base) - 1) * effects.variance(base) + (len(head) - 1) * effects.variance(head)) / df
    if paired:
        variance = effects.variance([after - before for before, after in zip(base, head, strict=True)])
        return Samples(base, head, log, True, variance, len(base) - 1, within, df, 1 / len(base))
    return Samples(base, head, log, False, within, df, within, df, 1 / len(base) + 1 / len(head))


@dataclass(frozen=True, slots=True)
class TestResult:
    """A difference and its noise: the moderated ``variance`` with its ``df``."""

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
    def p(self) -> float:
        """Return how often noise alone gives a difference of this size or more."""
        size = abs(self.samples.difference)
        if not size:
            return 1.0
        by_rounds = effects.two_sided_p(size / self._error, self.df) if self._error else 0.0
        by_counting = 2 * NormalDist().cdf(-size / self.counting_error) if self.counting_error else 0.0
        return max(by_rounds, by_counting)

    def decide(self, *, significant: bool, comparisons: int, tolerance: float) -> Change:
        """Return the change with its verdict and interval."""
        change, middle, repeats = self.change, self.samples.difference, len(self.samples.base)
        half = self._half_width(1 - effects.CONFIDENCE)
        # of a share, the rarer side counts: from 99.9 to 99 % there are ten times as many that are not good
        rarer = (
            min(change.base, _whole(change.column) - change.base) if is_share(change.column) else change.base
        )
        enough = max(MIN_CHANGE * abs(rarer), self.min_change)
        beyond_noise = abs(middle) > self.noise_threshold and abs(change.head - change.base) >= enough
        called = significant and beyond_noise
        tolerated = max(tolerance, self._share(self.practical_threshold))

        def decided(rounds: int) -> bool:
            """Return whether so many like these would be called worse, or exclude a regression by the tolerance."""
            times = rounds / repeats
            most = self._scaled(middle + self._half_width(1 - effects.CONFIDENCE, times))
            return most <= tolerated or self._scaled(middle) >= self._detectable(comparisons, times)

        more = 0
        if self.decides and change.relative and not called:
            more = bisect.bisect_left(range(repeats, MAX_REPEATS), True, key=decided)
        return replace(
            change,
            verdict=("worse" if middle * change.worse > 0 else "better") if called else "same",
            change=self._scaled(middle),
            low=self._scaled(middle - half),
            high=self._scaled(middle + half),
            detectable=self._detectable(comparisons),
            more_repeats=more,
        )

    @property
    def _error(self) -> float:
        """Return the standard error of the difference."""
        return math.sqrt(self.variance * self.samples.factor)

    def _half_width(self, significance: float, times: float = 1.0) -> float:
        """Return half the width of the interval that fails in that share of cases, with ``times`` as many rounds."""
        n, p = len(self.samples.base), 1 - significance / 2
        df = self.df + self.samples.df * (times - 1) * n / (n - 1)
        by_counting = NormalDist().inv_cdf(p) * self.counting_error
        return max(effects.quantile(p, df) * self._error, by_counting) / math.sqrt(times)

    def _detectable(self, comparisons: int, times: float = 1.0) -> float:
        """Return the smallest regression that would be called one, with ``times`` as many rounds."""
        noise = self.noise_threshold / math.sqrt(times)
        half = max(self._half_width(SIGNIFICANCE / comparisons, times), noise)
        sign, smallest = self.change.worse, MIN_CHANGE if self.change.relative else 0.0
        return max(sign * self._scaled(sign * half), smallest, self._share(self.min_change))

    def _scaled(self, difference: float) -> float:
        """Return a difference of the samples as a share of ``base``, or in the metric's unit."""
        return math.expm1(min(difference, 50.0)) if self.samples.log else self._share(difference)

    def _share(self, change: float) -> float:
        return change / self.change.base if self.change.relative else change


def result_of(
    pair: Pair, column: Column, peers: Iterable[Pair], thresholds: Iterable[NoiseThresholds], *, paired: bool
) -> Change | TestResult | None:
    """Return the result; a bare change where its noise is not known; ``None`` where a side lacks the metric.

    The noise is known from the other valid pairs, ``peers``, and the ``thresholds`` of the runs' A/A controls.
    """
    base, head = (rounds.values(summary, column.name) for summary in pair)
    if not base or not head:
        return None
    kind = column.metric.kind
    # A repeat that one side lacks would be lost to pairs.
    samples = _samples(pair, column, paired=paired and base.keys() == head.keys())
    sides = (samples.base, samples.head) if samples else (base.values(), head.values())
    before, after = map(statistics.fmean, sides)
    if samples and samples.log:
        before, after = math.exp(before), math.exp(after)
    change = Change(
        client=pair[1].client,
        base_client=pair[0].client,
        level=pair[1].level,
        column=column,
        base=before,
        head=after,
        verdict="unknown",
        suspect=any(summary.validity is Validity.SUSPECT for summary in pair),
        relative=not is_share(column) and before > 0,
    )
    if samples is None:
        return change
    alike = (p for p in peers if p is not pair and p[1].level == change.level)
    others = (_samples(peer, column, paired=samples.paired, log=samples.log) for peer in alike)
    variance, df = _moderated(samples, [other for other in others if other])
    known = (each.threshold(change.level, column.name) for each in thresholds) if samples.log else ()
    min_change, practical_threshold = _smallest(pair[0], kind)
    saturated = any(100 * (summary.value("cpu_share") or 0.0) > BUSY_PERCENT for summary in pair)
    return TestResult(
        change,
        samples,
        variance,
        df,
        counting_error=_counting_error(pair, change, samples),
        noise_threshold=max((each for each in known if each is not None), default=0.0),
        min_change=min_change,
        practical_threshold=practical_threshold,
        # Latencies of a saturated client grow for as long as the overload lasts.
        decides=column.primary and not (kind == "latency" and saturated),
    )


def _moderated(own: Samples, others: Sequence[Samples]) -> tuple[float, float]:
    """Return the variance, moderated by those of the other clients, and its degrees of freedom (Smyth 2004, "Linear
    models and empirical Bayes methods").
    """
    others = [other for other in others if not own.within or other.within <= WILD * own.within]
    if not others:
        return own.variance, own.df
    usual = _typical([(other.within, other.within_df) for other in others])
    excess = own.within / usual / UNSTEADY if usual else math.inf if own.within else 1.0
    weight = min(PRIOR_DF, sum(other.df for other in others)) / max(1.0, excess) ** 2
    like = _typical([(other.variance, other.df) for other in others])
    df = own.df + weight
    return (own.df * own.variance + weight * like) / df, df


def _smallest(base: Summary, kind: str) -> tuple[float, float]:
    """Return the smallest change that is called one, and the smallest regression that must be detected."""
    match kind:
        case "latency":
            return MIN_CHANGE_MS, MIN_CHANGE_MS
        case "memory":
            peak_kib = (base.value("rss_peak_mib") or 0.0) * 1024
            return MIN_CHANGE_KIB / base.level.value, PRACTICAL_SHARE * peak_kib / base.level.value
        case "cpu":
            each, percent = base.value("cpu_us_per_token"), base.value("cpu_percent")
            return 0.0, PRACTICAL_SHARE * each / (percent / 100) if each and percent else 0.0
    return 0.0, 0.0


def is_share(column: Column) -> bool:
    """Return whether it is a share of streams."""
    return column.metric.kind == "share"


def _whole(column: Column) -> float:
    return 100.0 if column.metric.unit == "%" else 1.0


def _typical(variances: Sequence[tuple[float, int]]) -> float:
    """Return the geometric mean of variances with their degrees of freedom, unbiased for normal values (Smyth 2004,
    section 6.2), so that one unsteady client does not dominate; the arithmetic mean where one of them is 0."""
    from scipy.special import digamma

    if not all(variance for variance, _ in variances):
        return statistics.fmean(variance for variance, _ in variances)
    logs = (math.log(variance) - (float(digamma(df / 2)) - math.log(df / 2)) for variance, df in variances)
    return math.exp(statistics.fmean(logs))


def _counting_error(pair: Pair, change: Change, samples: Samples) -> float:
    """Return the standard error of a difference of counts or of shares, even where all rounds agree."""
    if is_share(change.column):
        whole = _whole(change.column)
        streams = [summary[change.column.name].n or summary.value("streams") or 0 for summary in pair]
        so = [change.base / whole * streams[0], change.head / whole * streams[1]]
        share = (sum(so) + 1) / (sum(streams) + 2)
        return whole * math.sqrt(share * (1 - share) * sum(1 / n for n in streams if n))
    if change.column.metric.kind == "count":
        rounding = math.sqrt((1 / len(samples.base) + 1 / len(samples.head)) / 12)
        return rounding / math.sqrt(change.base * change.head) if samples.log else rounding
    return 0.0
