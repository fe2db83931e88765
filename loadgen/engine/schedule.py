"""One seeded schedule for all clients, as data: when each slot may start streams."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from loadgen.model import Cell, Stage


class Interval(NamedTuple):
    """While ``slot`` starts streams: from ``begin`` until before ``end``, nanoseconds after go; None: for ever.

    A stream that is open at the end runs to its own end.
    """

    slot: int
    begin: int
    end: int | None


def intervals(cell: Cell) -> list[Interval]:
    """The whole schedule of ``cell``, ascending by begin; empty for a load that is told what to do."""
    load = cell.workload.load
    if load.stages:
        return _crossings(load.stages)
    if load.duration is None and load.requests is None:
        return []
    end = None if load.duration is None else int(load.duration * 1e9)
    starts = enumerate(offsets(cell))
    return [Interval(slot, begin, end) for slot, begin in starts if end is None or begin < end]


def offsets(cell: Cell) -> list[int]:
    """When each slot starts, in nanoseconds after go, ascending: one at a random place in each equal share
    of the ramp, so that no two clients and no burst differ."""
    chance = random.Random(f"{cell.seed}/{cell.max_streams}/{cell.repeat}")
    return spread(cell.max_streams, cell.workload.load.ramp, chance)


def spread(count: int, seconds: float, chance: random.Random) -> list[int]:
    """Ascending nanoseconds: one at a random place in each of ``count`` equal shares of ``seconds``."""
    share = seconds * 1e9 / count
    return [int((place + chance.random()) * share) for place in range(count)]


def _crossings(stages: Sequence[Stage]) -> list[Interval]:
    """The k-th of a stage's n changes comes after k/n of its time; the highest slots leave first."""
    found: list[tuple[int, int, int]] = []
    began: list[int] = []  # by slot
    now = 0
    for stage in stages:
        lasts, changes = round(stage.over * 1e9), abs(stage.to - len(began))
        for time in [now + lasts * k // changes for k in range(1, changes + 1)]:
            if stage.to > len(began):
                began.append(time)
            else:
                begin = began.pop()
                found.append((len(began), begin, time))
        now += lasts
    found += ((slot, begin, now) for slot, begin in enumerate(began))
    return sorted(
        (Interval(slot, begin, end) for slot, begin, end in found if begin < end),
        key=lambda each: (each.begin, each.slot),
    )


def streams_at(stages: Iterable[Stage], seconds: float) -> float:
    """How many streams the stages ask for so many seconds after go; where two meet the later, at the end the last."""
    number: float = 0
    for stage in stages:
        if seconds < stage.over:
            return number + (stage.to - number) * seconds / stage.over
        number = stage.to
        seconds -= stage.over
    return number
