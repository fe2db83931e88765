"""Fit a client's limits to its readings, and find where the curves of two clients cross.

**Limits.** The probability that a cell holds falls with the logarithm of the level (probit regression). The curves that
fit the cells (posterior over place and width of the fall, both flat on log scales) say where half of the cells hold,
and where a search that goes down until all of several cells hold would end another time.

**Crossing.** Between its steps, a client's curve is straight on log scales. Resampled residuals give the curves a
band; they cross only where one client is lower beyond the noise on one side, and the other client on the other side.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loadgen.capacity.readings import Reading
from loadgen.model import ClientId

Floats = NDArray[np.float64]

WIDTHS: Final = np.geomspace(0.005, 0.4, 20)  # e-folds of the level over which cells begin to fail
LAPSE: Final = 0.01  # of the cells, which hold or fail for other reasons
MIN_NOISE: Final = 0.05  # e-folds of the budget
GRID: Final = 100
MAX_USE: Final = math.log(1000)  # of the budget: what is beyond is all the same
REPLICATES: Final = 1000
CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Limit:
    """The value of a level with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Where the curves of two clients cross, between the levels ``low`` and ``high``, where both were measured.

    ``lower`` is the client that used less of the budget before the crossing or, without a crossing, wherever the two
    differ beyond the noise; ``None``: nowhere. ``throughout``: they differ everywhere.
    """

    one: ClientId
    other: ClientId
    low: float
    high: float
    at: Limit | None
    lower: ClientId | None
    throughout: bool = False


def limits(readings: Iterable[Reading], level: float, cells: int, precision: float) -> tuple[Limit, Limit]:
    """Return ``level``, with the interval in which 95 of 100 such searches end, and where half of the cells hold.

    A search goes down in steps of ``precision`` until ``cells`` of ``cells`` hold.
    """
    from scipy.special import ndtr

    included = [each for each in readings if each.counts]
    x = np.log([each.level.value for each in included])
    held = np.array([each.verdict == "within" for each in included])
    half = np.linspace(x.min() - 1, x.max() + 1, GRID)
    width = WIDTHS[:, None, None]

    def holds(places: Floats) -> Floats:
        """Return the probability that a cell holds, shape ``[width, half, place]``."""
        found: Floats = LAPSE + (1 - 2 * LAPSE) * ndtr((half[:, None] - places) / width)
        return found

    p = holds(x)
    weight = np.log(np.where(held, p, 1 - p)).sum(2)
    weight = np.exp(weight - weight.max())
    weight /= weight.sum()
    # From the top down, a search ends at the first level that holds in all of its cells.
    places = np.log(level) + math.log1p(precision) * np.arange(-40, 41)
    goes_below = np.cumprod((1 - holds(places) ** cells)[..., ::-1], axis=2)[..., ::-1]
    ends = _where((goes_below * weight[..., None]).sum((0, 1)), places)
    middle = _where(weight.sum(0).cumsum(), half)
    return Limit(level, min(level, ends.low), max(level, ends.high)), middle


def _where(cumulative: Floats, at: Floats) -> Limit:
    """Return the median of a distribution over log levels, with its 95 % interval."""
    low, median, high = np.searchsorted(cumulative, ((1 - CONFIDENCE) / 2, 0.5, (1 + CONFIDENCE) / 2))
    places = (median, max(low - 1, 0), min(high, len(at) - 1))
    return Limit(*(math.exp(at[place]) for place in places))


def crossings(curves: Mapping[ClientId, Sequence[Reading]], seed: int = 0) -> list[Crossing]:
    """Return the crossing of every pair of clients that have a common range of levels, in order."""
    pairs = itertools.combinations(curves, 2)
    found = (_crossing(one, other, curves[one], curves[other], seed) for one, other in pairs)
    return [crossing for crossing in found if crossing]


def _crossing(
    one: ClientId, other: ClientId, ones: Iterable[Reading], others: Iterable[Reading], seed: int
) -> Crossing | None:
    curves = [_Curve(*_points(readings)) for readings in (ones, others)]
    if any(len(curve.x) < 2 for curve in curves):
        return None
    low, high = max(curve.x[0] for curve in curves), min(curve.x[-1] for curve in curves)
    if low >= high:
        return None
    x = np.linspace(low, high, 200)
    rng = np.random.default_rng([abs(seed), 1])
    apart = curves[0].at(x, curves[0].y) - curves[1].at(x, curves[1].y)
    drawn = curves[0].at(x, curves[0].resample(rng)) - curves[1].at(x, curves[1].resample(rng))
    # One band for all places together: two equal curves leave it, anywhere, in one of twenty searches.
    error = drawn.std(axis=0)
    widest = np.quantile((np.abs(drawn - apart) / error).max(axis=1), CONFIDENCE)
    widest *= _t(curves[0].freedom + curves[1].freedom) / _t(REPLICATES)
    sign = np.where(np.abs(apart) > widest * error, np.sign(apart), 0).astype(int)
    differ = np.flatnonzero(sign)
    turns = [(a, b) for a, b in itertools.pairwise(differ.tolist()) if sign[a] != sign[b]]
    at = None
    if turns:
        before, after = turns[0]
        zero = before + int(np.argmin(np.abs(apart[before : after + 1])))
        at = Limit(*(math.exp(x[place]) for place in (zero, before, after)))
    return Crossing(
        one=one,
        other=other,
        low=round(math.exp(low), 6),
        high=round(math.exp(high), 6),
        at=at,
        lower=(other if sign[differ[0]] > 0 else one) if len(differ) else None,
        throughout=len(differ) == len(x) and not turns,
    )


class _Curve:
    """The mean of each step, and the residuals of single readings."""

    def __init__(self, levels: Floats, use: Floats) -> None:
        self.x, step, self.number = np.unique(np.log(levels), return_inverse=True, return_counts=True)
        self.y: Floats = np.bincount(step, use) / self.number
        self.freedom = max(1, int((self.number - 1).sum()))  # of the noise
        # The mean of few readings takes part of their spread with it.
        spread = np.sqrt(self.number / np.maximum(self.number - 1, 1))[step]
        self._residuals = ((use - self.y[step]) * spread)[self.number[step] > 1]
        if not len(self._residuals):
            self._residuals = np.array([-MIN_NOISE, MIN_NOISE])

    def resample(self, rng: np.random.Generator) -> Floats:
        """Return the means of :data:`REPLICATES` other searches, shape ``[replicate, step]``."""
        most = int(self.number.max())
        drawn = rng.choice(self._residuals, (REPLICATES, len(self.x), most))
        there = np.arange(most) < self.number[:, None]
        means: Floats = self.y + (drawn * there).sum(2) / self.number
        return means

    def at(self, x: Floats, means: Floats) -> Floats:
        """Return the curves through ``means``, shape ``[..., step]``, at ``x``: shape ``[..., place]``."""
        curves: Floats = means @ np.array([np.interp(x, self.x, step) for step in np.eye(len(self.x))])
        return curves


def _t(freedom: int) -> float:
    """Return the two-sided quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


def _points(readings: Iterable[Reading]) -> tuple[Floats, Floats]:
    """Return levels, and the logarithm of the share of the budget in use, of the readings that count."""
    included = [(each.level.value, each.use) for each in readings if each.counts and each.use is not None]
    table: NDArray[Any] = np.array(included, dtype=np.float64).reshape(-1, 2)
    with np.errstate(divide="ignore"):
        return table[:, 0], np.clip(np.log(table[:, 1]), -MAX_USE, MAX_USE)
