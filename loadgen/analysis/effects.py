"""Intervals of effects that were measured block by block.

A block is one repeat: every client at every concurrency once, close together in time. What a minute of a busy
machine does, it does to a block; so blocks are the independent draws, and an effect is first computed within
each (paired, where it compares two clients), then its mean and Student's t give the interval. Drawing blocks
with replacement instead (a bootstrap) covers too little: three blocks have ten different draws.

References: Student (1908), "The probable error of a mean"; for the distribution function of t,
Abramowitz & Stegun (1964), 26.7.3 and 26.7.4; for moderated variances, Smyth (2004), "Linear models and
empirical Bayes methods".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean of ``rounds`` values with its interval; no bounds where one block stands alone."""

    value: float
    low: float | None
    high: float | None
    blocks: int

    def side(self, line: float) -> int:
        """1 where the whole interval lies above ``line``, -1 below, 0 where it spans it or there is none."""
        if self.low is None or self.high is None:
            return 0
        return 1 if self.low > line else -1 if self.high < line else 0


def mean(values: Iterable[float], comparisons: int = 1) -> Estimate | None:
    """The mean over blocks. With several ``comparisons`` each interval is widened so that all of them together
    hold with 95 % (Bonferroni). ``None`` without values.
    """
    given = [float(value) for value in values]
    if not given:
        return None
    middle = math.fsum(given) / len(given)
    if len(given) < 2:
        return Estimate(middle, None, None, 1)
    half = quantile(1 - (1 - LEVEL) / (2 * comparisons), len(given) - 1) * error(given)
    return Estimate(middle, middle - half, middle + half, len(given))


def never_negative(values: Iterable[float], comparisons: int = 1) -> Estimate | None:
    """As :func:`mean`; where no value is below 0, its bounds are not either."""
    given = list(values)
    found = mean(given, comparisons)
    if found is None or found.low is None or min(given) < 0:
        return found
    return replace(found, low=max(found.low, 0.0))


def times(log_ratios: Iterable[float], comparisons: int = 1) -> Estimate | None:
    """How many times the one is the other: a geometric mean over blocks, as :func:`mean`, of logarithms of ratios."""
    found = mean(log_ratios, comparisons)
    if found is None:
        return None
    low, high = (None if bound is None else _exp(bound) for bound in (found.low, found.high))
    return Estimate(_exp(found.value), low, high, found.blocks)


def slope(x: Sequence[float], y: Sequence[float]) -> tuple[float, float] | None:
    """``(fixed, each)`` of the straight line through the points by least squares; ``None`` for one ``x`` only."""
    middle_x, middle_y = math.fsum(x) / len(x), math.fsum(y) / len(y)
    spread = math.fsum((a - middle_x) ** 2 for a in x)
    if not spread:
        return None
    each = math.fsum((a - middle_x) * (b - middle_y) for a, b in zip(x, y, strict=True)) / spread
    return middle_y - each * middle_x, each


def variance(values: Sequence[float]) -> float:
    """Of single values, unbiased; at least two."""
    middle = math.fsum(values) / len(values)
    return math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)


def error(values: Sequence[float]) -> float:
    """Standard error of the mean."""
    return math.sqrt(variance(values) / len(values))


def moderated(own: float, own_df: float, others: Sequence[float], weight: float) -> tuple[float, float]:
    """A variance with what its like say of it: ``(variance, degrees of freedom)``.

    ``own`` has ``own_df`` degrees of freedom; the mean of ``others`` counts for ``weight`` more.
    """
    if not others:
        return own, own_df
    df = own_df + weight
    return (own_df * own + weight * math.fsum(others) / len(others)) / df, df


def distribution(t: float, df: int) -> float:
    """P(T <= t) of Student's t with ``df`` degrees of freedom."""
    theta = math.atan2(abs(t), math.sqrt(df))
    cosine, sine = math.cos(theta), math.sin(theta)
    term = cosine if df % 2 else 1.0
    total = 0.0
    for k in range(df % 2, df - 1, 2):
        total += term
        term *= cosine * cosine * (k + 1) / (k + 2)
    inside = 2 / math.pi * (theta + sine * total) if df % 2 else sine * total
    return 0.5 + math.copysign(inside / 2, t)


@cache
def quantile(p: float, df: float) -> float:
    """The t that is not exceeded with probability ``p`` > 0.5; ``df`` is rounded down."""
    whole = max(1, int(df))
    low, high = 0.0, 2.0
    while distribution(high, whole) < p:
        low, high = high, high * 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if distribution(middle, whole) < p else (low, middle)
    return high


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf
