"""Arrivals per second: constant, Poisson, or with gamma distributed gaps, at a rate that stages may change.

A process of rate 1 is drawn, and the rate says how fast its time goes. A random one is drawn given its number of
arrivals, so that as many come as were asked for: given that number, the gaps of Poisson arrivals, and likewise gamma
distributed ones, are parts of a stick that is broken piece by piece.
"""

import random
from collections.abc import Iterator, Sequence
from math import inf, sqrt

from loadgen.model import Arrival, Cell, RateStage

POISSON = 1.0  # the shape of gamma distributed gaps that are exponential
SHAPES: dict[str, float | None] = {"constant": None, "poisson": POISSON, "gamma": POISSON}  # by default


def arrivals(cell: Cell) -> Iterator[Arrival]:
    """Yield the arrivals of the load's duration or stages: their number is the rate's integral, rounded."""
    load, rate = cell.workload.load, cell.level.rate or 0.0
    stages = load.rates or (RateStage(rate, 0.0), RateStage(rate, load.duration or 0.0))
    shape = SHAPES[load.arrivals] if load.shape is None else load.shape
    chance = random.Random(f"{cell.seed}/{rate!r}/{cell.repeat}/arrivals")
    last = int((load.seconds or 0.0) * 1e9) - 1
    for number, seconds in enumerate(_times(stages, _units(expected(stages), shape, chance))):
        yield Arrival(min(round(seconds * 1e9), last), prompt=number)


def expected(stages: Sequence[RateStage]) -> float:
    """Return the integral of the rate over the stages: how many arrivals they ask for."""
    before = [0.0, *(stage.to for stage in stages)]
    return sum((rate + stage.to) / 2 * stage.over for rate, stage in zip(before, stages, strict=False))


def _units(length: float, shape: float | None, chance: random.Random) -> Iterator[float]:
    """Yield the arrivals of a process of rate 1, as many as ``length`` is long."""
    at = 0.0
    for left in range(round(length), 0, -1):
        if shape is None:
            yield at
            at += 1.0
        else:
            # Of the gaps that remain, the last one ends at ``length``: this is the next, and ``left`` come after it.
            alone = shape == POISSON
            at += (length - at) * (
                1 - (1 - chance.random()) ** (1 / left) if alone else chance.betavariate(shape, shape * left)
            )
            yield at


def _times(stages: Sequence[RateStage], units: Iterator[float]) -> Iterator[float]:
    """Yield the seconds at which the integral of the rate reaches each of ``units``, which ascend."""
    rate = begin = reached = 0.0
    unit = next(units, inf)
    for stage in stages:
        grows = (rate + stage.to) / 2 * stage.over
        while unit - reached < grows:
            rest = unit - reached
            # The root of rate * t + (to - rate) / over * t² / 2 = rest, in the form that is exact for an even rate.
            final = sqrt(max(0.0, rate * rate + 2 * (stage.to - rate) * rest / stage.over))
            yield begin + (2 * rest / (rate + final) if rest else 0.0)
            unit = next(units, inf)
        rate, begin, reached = stage.to, begin + stage.over, reached + grows
