"""Closed loop: every slot runs stream after stream, for a duration or for a number of requests."""

import random
from collections.abc import Iterator

from loadgen.model import FOREVER, Arrival, Cell


def arrivals(cell: Cell) -> Iterator[Arrival]:
    """Yield the first stream of each slot: one at a random place in each equal share of the ramp.

    A load with neither a duration nor requests yields nothing: commands start its slots.
    """
    load = cell.workload.load
    if load.duration is None and load.requests is None:
        return
    until = FOREVER if load.duration is None else int(load.duration * 1e9)
    chance = random.Random(f"{cell.seed}/{cell.max_streams}/{cell.repeat}")
    for slot, due in enumerate(spread(cell.max_streams, load.ramp, chance)):
        if due < until:
            yield Arrival(due, prompt=slot, slot=slot, streams=load.requests, until=until)


def spread(count: int, seconds: float, chance: random.Random) -> list[int]:
    """Return ascending nanoseconds, one at a random place in each of ``count`` equal shares of ``seconds``."""
    share = seconds * 1e9 / max(1, count)
    return [int((place + chance.random()) * share) for place in range(count)]
