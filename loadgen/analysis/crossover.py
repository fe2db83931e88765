"""From the readings of a search to a client's limit, and to where the curves of two clients cross.

**Limit.** Of every reading the share of the budget in use, on log scales, over the number of streams. Through them
goes a line that rises through 1 at the limit, bends there, and is cut off at a third and at three times the budget:
what lies further out says only on which side it is, so neither a collapsed client nor an idle one pulls at it. The
limit is where the squares are least. The interval is every limit at which they are not significantly more (profile
likelihood, F of one degree of freedom). Where the transition is a cliff between two steps, that is all between them.

**Crossing.** Between the steps of a client, its curve runs straight on log scales. The residuals of all its steps
are drawn again for each, which gives the curves a band; a crossing is there only where one client's is lower beyond
the noise before it, and the other's after it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from loadgen.analysis.effects import quantile
from loadgen.analysis.steps import Reading, Verdict

Floats = NDArray[np.float64]
Stopped = Literal["budget", "most", "interrupted"] | Verdict

CUT = math.log(3)  # of the budget, either way
NEAR = 0.15  # e-folds of streams around the limit within which a reading that is cut off counts for the noise
PARAMETERS = 4  # where the line crosses, its two slopes, and the choice of steps by what was seen
NOISE = 0.05  # the least that a reading varies by, e-folds of the budget
GRID = 300
SLOPES = np.geomspace(0.5, 3000, 24)
FARTHEST = math.log(1000)  # of the budget: what is beyond is all the same
REPLICATES = 1000


@dataclass(frozen=True, slots=True)
class Limit:
    """A number of streams with its 95 % interval."""

    streams: float
    low: float
    high: float

    def within(self, precision: float) -> bool:
        """Whether the interval reaches no further than so large a share to either side."""
        return self.high <= self.streams * (1 + precision) and self.streams <= self.low * (1 + precision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search knows of one client, and why it ended.

    ``at_least`` streams were within the budget, ``below`` were over it; ``tried`` is the step that another's fault,
    or an interruption, kept from being decided. ``reason`` names the budget that broke, or tells of that fault.
    """

    client: str
    limit: Limit | None
    at_least: int | None
    below: int | None
    stopped: Stopped
    reason: str
    tried: int | None
    cells: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Where the curves of two clients cross, of the steps between ``low`` and ``high`` that both have.

    ``lower`` is who used less of the budget before the crossing or, where there is none, wherever they differ
    beyond the noise; ``""``: nowhere. ``throughout``: everywhere.
    """

    one: str
    other: str
    low: int
    high: int
    at: Limit | None
    lower: str
    throughout: bool = False


def limit(readings: Iterable[Reading]) -> Limit | None:
    """Where the budget is used up, of the readings that count; ``None`` without any on either side of it."""
    streams, use = _points(readings)
    if not len(use) or use.min() > 0 or use.max() <= 0:
        return None
    x = np.log(streams)
    at = np.linspace(x.min(), x.max(), GRID)
    beyond = x - at[:, None]
    line = np.clip(SLOPES[:, None] * beyond[:, None, :], -CUT, CUT)
    squares = (np.clip(use, -CUT, CUT) - line) ** 2
    after = (beyond >= 0)[:, None, :]
    sums = (squares * after).sum(2).min(1) + (squares * ~after).sum(2).min(1)
    least = sums.min()
    best = float(at[sums <= least * 1.0001 + 1e-9].mean())
    near = (np.abs(use) < CUT) | (np.abs(x - best) < NEAR)
    freedom = max(1, int(near.sum()) - PARAMETERS)
    variance = max(least / freedom, NOISE**2)
    held = np.flatnonzero(sums <= least + variance * quantile(0.975, freedom) ** 2)
    low, high = at[max(held[0] - 1, 0)], at[min(held[-1] + 1, GRID - 1)]
    return Limit(math.exp(best), math.exp(low), math.exp(high))


def crossings(curves: dict[str, Sequence[Reading]], seed: int = 0) -> list[Crossing]:
    """Every pair of clients, in order; those without a common range of steps are left out."""
    found = [
        _crossing(one, other, curves[one], curves[other], seed)
        for one, other in itertools.combinations(curves, 2)
    ]
    return [crossing for crossing in found if crossing is not None]


def _crossing(
    one: str, other: str, ones: Iterable[Reading], others: Iterable[Reading], seed: int
) -> Crossing | None:
    curves = [_Curve(*_points(readings)) for readings in (ones, others)]
    if any(len(curve.x) < 2 for curve in curves):
        return None
    low, high = max(curve.x[0] for curve in curves), min(curve.x[-1] for curve in curves)
    if low >= high:
        return None
    x = np.linspace(low, high, 200)
    rng = np.random.default_rng([abs(seed), 1])
    apart = curves[0].at(x, curves[0].y[None])[0] - curves[1].at(x, curves[1].y[None])[0]
    drawn = curves[0].at(x, curves[0].again(rng)) - curves[1].at(x, curves[1].again(rng))
    # one band for all places together: two equal curves are to leave it, anywhere, in one of twenty searches
    error = drawn.std(axis=0)
    widest = np.quantile((np.abs(drawn - apart) / error).max(axis=1), 0.95)
    widest *= quantile(0.975, sum(curve.freedom for curve in curves)) / quantile(0.975, 1000)
    sign = np.where(np.abs(apart) > widest * error, np.sign(apart), 0).astype(int)
    told = np.flatnonzero(sign)
    turns = [(a, b) for a, b in itertools.pairwise(told.tolist()) if sign[a] != sign[b]]
    at = None
    if turns:
        before, after = turns[0]
        zero = before + int(np.argmin(np.abs(apart[before : after + 1])))
        at = Limit(*(math.exp(x[place]) for place in (zero, before, after)))
    return Crossing(
        one=one,
        other=other,
        low=round(math.exp(low)),
        high=round(math.exp(high)),
        at=at,
        lower=(other if sign[told[0]] > 0 else one) if len(told) else "",
        throughout=len(told) == len(x) and not turns,
    )


class _Curve:
    """The mean of each step, and what single readings differ from it by."""

    def __init__(self, streams: Floats, use: Floats) -> None:
        self.x, step, self.number = np.unique(np.log(streams), return_inverse=True, return_counts=True)
        self.y: Floats = np.bincount(step, use) / self.number if len(use) else use
        # a mean takes a part of what its readings differ by with it
        spread = np.sqrt(self.number / np.maximum(self.number - 1, 1))[step]
        self._residuals = ((use - self.y[step]) * spread)[self.number[step] > 1] if len(use) else use
        if not len(self._residuals):
            self._residuals = np.array([-NOISE, NOISE])

    @property
    def freedom(self) -> int:
        """How many readings tell of the noise."""
        return max(1, int((self.number - 1).sum()))

    def again(self, rng: np.random.Generator) -> Floats:
        """The means of :data:`REPLICATES` other searches, ``[replicate, step]``."""
        most = int(self.number.max())
        drawn = rng.choice(self._residuals, (REPLICATES, len(self.x), most))
        there = np.arange(most) < self.number[:, None]
        means: Floats = self.y + (drawn * there).sum(2) / self.number
        return means

    def at(self, x: Floats, means: Floats) -> Floats:
        """The curves through ``means`` at ``x``, ``[replicate, place]``."""
        right = np.clip(np.searchsorted(self.x, x), 1, len(self.x) - 1)
        share = (x - self.x[right - 1]) / (self.x[right] - self.x[right - 1])
        curves: Floats = means[:, right - 1] * (1 - share) + means[:, right] * share
        return curves


def _points(readings: Iterable[Reading]) -> tuple[Floats, Floats]:
    """Streams, and the logarithm of the share of the budget in use, of the readings that count."""
    counted = [(each.streams, each.use) for each in readings if each.counts and each.use is not None]
    table: NDArray[Any] = np.array(counted, dtype=np.float64).reshape(-1, 2)
    with np.errstate(divide="ignore"):
        return table[:, 0], np.clip(np.log(table[:, 1]), -FARTHEST, FARTHEST)
