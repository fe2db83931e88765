"""Searches on clients whose curve is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from loadgen.capacity.readings import Reading
from loadgen.capacity.search import Rules, Search, search
from loadgen.model import ClientId, Level

Curve = Callable[[float], float]  # streams, as a share of the true limit -> the share of the budget in use


def steep(share: float) -> float:
    return share**6


def gentle(share: float) -> float:
    return share**3


def queue(share: float) -> float:
    """Waiting in line before one server that is busy for 92 % of the time at the limit."""
    busy = 0.92 * share
    return busy / (1 - busy) / (0.92 / 0.08) if busy < 0.985 else 6 + 300 * (busy - 0.985)


def cliff(share: float) -> float:
    return 0.3 * share**1.2 if share < 1 else 60 * share**3


def reading(client: ClientId, streams: float, use: float) -> Reading:
    return Reading(
        client=client,
        level=Level(streams=int(streams)),
        verdict="within" if use <= 1 else "over",
        use=use,
        bound="lag_p99",
    )


def searched(curve: Curve, limit: float, noise: float, seed: int, max_streams: int = 8000) -> Search:
    """A whole search for ``limit`` with readings that vary by ``noise`` (e-folds)."""
    chance = random.Random(seed)
    one = Search(ClientId("aiohttp"), Rules(start=64, highest=max_streams))

    def measure(client: ClientId, streams: float, repeat: int) -> Reading:
        return reading(client, streams, curve(streams / limit) * math.exp(chance.gauss(0, noise)))

    search([one], seed, measure)
    return one
