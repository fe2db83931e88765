"""Means over rounds, with the intervals of Student's t.

A round is one repeat: every client at every concurrency once, close together in time. A disturbance that lasts a minute
affects the whole round, so rounds are the independent draws. An effect is computed within each round
(paired, where it compares two clients); its mean over rounds and Student's t give the interval. A bootstrap over
rounds would cover too little: three rounds have ten different draws.

Reference: Student (1908), "The probable error of a mean".
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from loadgen.model import Estimate

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Mean(Estimate):
    """A mean over ``n`` rounds with its interval; one round alone has no bounds."""

    value: float

    def side(self, line: float) -> int:
        """Return 1 where the whole interval lies above ``line``, -1 where below, 0 where it spans it or is missing."""
        if self.low is None or self.high is None:
            return 0
        return 1 if self.low > line else -1 if self.high < line else 0


def mean(values: Iterable[float], comparisons: int = 1) -> Mean | None:
    """Return the mean over rounds; ``None`` without values.

    With several ``comparisons`` each interval is widened so that all of them together hold with 95 % (Bonferroni).
    """
    each = [float(value) for value in values]
    if len(each) < 2:
        return Mean(each[0], n=1) if each else None
    middle = statistics.fmean(each)
    error = math.sqrt(variance(each) / len(each))
    half = quantile(1 - (1 - CONFIDENCE) / (2 * comparisons), len(each) - 1) * error
    return Mean(middle, middle - half, middle + half, len(each))


def never_negative(values: Iterable[float], comparisons: int = 1) -> Mean | None:
    """Return the mean over rounds, its bounds cut at 0 where no value is negative."""
    each = list(values)
    found = mean(each, comparisons)
    if found is None or found.low is None or min(each) < 0:
        return found
    return replace(found, low=max(found.low, 0.0))


def times(log_ratios: Iterable[float], comparisons: int = 1) -> Mean | None:
    """Return the geometric mean over rounds, with its interval, of ratios given by their logarithms."""
    found = mean(log_ratios, comparisons)
    if found is None:
        return None
    low, high = (None if bound is None else _exp(bound) for bound in (found.low, found.high))
    return Mean(_exp(found.value), low, high, found.n)


def slope(x: Sequence[float], y: Sequence[float]) -> tuple[float, float] | None:
    """Return ``(intercept, slope)`` of the least-squares line; ``None`` where all ``x`` are the same."""
    if min(x) == max(x):
        return None
    each, fixed = statistics.linear_regression(x, y)
    return fixed, each


def line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Return the slope of the least-squares line through three points or more, and its standard error."""
    xx, xy, _, yy = np.cov(x, y, bias=True).flat
    r = min(max(xy / math.sqrt(xx * yy), -1.0), 1.0) if xx and yy else 0.0
    return float(xy / xx), math.sqrt((1 - r**2) * yy / xx / (len(x) - 2))


def same_ranks(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Return how often chance alone makes two samples differ so much in rank (Mann-Whitney, two-sided, asymptotic)."""
    from scipy.special import ndtr  # scipy.stats, which has the test, takes most of a second to import

    first, second = np.sort(first), np.sort(second)
    below = (np.searchsorted(second, first, side).sum() for side in ("left", "right"))
    n, m = len(first), len(second)
    middle, u = n * m / 2, sum(map(int, below)) / 2
    pooled = np.sort(np.concatenate([first, second]), kind="stable")
    ties = np.diff(np.flatnonzero(np.diff(pooled, prepend=pooled[0] - 1, append=pooled[-1] + 1))).astype(
        float
    )
    spread = math.sqrt(n * m / 12 * (n + m + 1 - float((ties**3 - ties).sum()) / ((n + m) * (n + m - 1))))
    return min(2 * float(ndtr(-abs(u - middle) / spread)), 1.0) if spread else 1.0


def variance(values: Sequence[float]) -> float:
    """Return the unbiased variance of two values or more."""
    middle = statistics.fmean(values)
    return math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)


def two_sided_p(t: float, df: float) -> float:
    """Return how often chance alone gives a ``t`` of this size or more, in either direction."""
    from scipy.special import stdtr

    return 2 * float(stdtr(df, -abs(t)))


@cache
def quantile(p: float, df: float) -> float:
    """Return the value of Student's t that is not exceeded with probability ``p``."""
    from scipy.special import stdtrit

    return float(stdtrit(df, p))


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf
