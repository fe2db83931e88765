"""One seeded schedule for all clients."""

from __future__ import annotations

import random

from loadgen.model import Cell


def offsets(cell: Cell) -> list[int]:
    """When each slot starts, in nanoseconds after go, ascending: one at a random place in each equal share
    of the ramp, so that no two clients and no burst differ."""
    chance = random.Random(f"{cell.seed}/{cell.concurrency}/{cell.repeat}")
    share = cell.load.ramp * 1e9 / cell.concurrency
    return [int((slot + chance.random()) * share) for slot in range(cell.concurrency)]
