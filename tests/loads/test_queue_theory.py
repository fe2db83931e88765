"""One server, one queue: what an open load waits is what queueing theory says, and a closed loop waits less.

The arrivals are those of the load, the service times those that the simulator plans; nothing is timed. Formulas:
M/M/1 and the machine repairman, as in any textbook (Kleinrock 1975); the comparison is that of Schroeder, Wierman and
Harchol-Balter, "Open Versus Closed: A Cautionary Tale" (NSDI 2006). ``benchmarks/waiting.py`` measures the same on
real streams.
"""

from __future__ import annotations

import heapq
import math
import random
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.waiting import batch_means, waits
from loadgen import loads
from loadgen.model import Level, Load, Simulator
from loadgen.simulator.plan import Planner
from tests.lab.cells import cell

ARRIVALS = 100_000
SERVICE_S, RHO = 0.05, 0.8
RATE = RHO / SERVICE_S
THEORY_S = RHO / (1 / SERVICE_S - RATE)  # mean wait in the queue: ρ / (μ - λ)


@cache
def open_load() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the seconds at which streams are due, and how long each is served."""
    load = Load(arrivals="poisson", duration=ARRIVALS / RATE)
    due = [one.due / 1e9 for one in loads.arrivals(cell(level=Level(rate=RATE), load=load, seed=1))]
    planner = Planner(Simulator(ttft=SERVICE_S, tokens=1, parallel=1, distribution="exponential", seed=1))
    return np.array(due), np.array([planner.plan(n).ttft_ns / 1e9 for n in range(len(due))])


def test_the_open_load_waits_as_long_as_theory_says() -> None:
    due, service = open_load()
    assert len(due) == ARRIVALS
    low, high = batch_means(waits(due, service))
    assert low < THEORY_S < high
    assert high - low < 0.25 * THEORY_S  # otherwise the interval would tell nothing


@pytest.mark.parametrize("factor", [0.0, 1.0, 2.0, 4.0])
def test_waits_are_distributed_as_theory_says(factor: float) -> None:
    """P(wait > t) = ρ exp(-(μ - λ) t); of t as multiples of the mean."""
    beyond = waits(*open_load()) > factor * THEORY_S
    low, high = batch_means(beyond.astype(float))
    assert low < RHO * math.exp(-factor * RHO) < high


@pytest.mark.parametrize("users", [2, 8, 32])
def test_a_closed_loop_at_the_same_utilisation_waits_less(users: int) -> None:
    """So many users who think as long as makes the server as busy: each waits for its answer before it asks again."""
    think_s = think(users)
    wait, busy = closed_loop(users, think_s, open_load()[1])
    assert busy == pytest.approx(RHO, rel=0.02)
    assert wait == pytest.approx(repairman_wait(users, think_s), rel=0.1)
    assert wait < waits(*open_load()).mean()


def test_the_more_users_a_closed_loop_has_the_more_it_is_like_an_open_load() -> None:
    found = [repairman_wait(users, think(users)) for users in (1, 2, 8, 32, 5000)]
    assert found == sorted(found)
    assert found[0] == 0
    assert found[-1] == pytest.approx(THEORY_S, rel=0.02)


def closed_loop(users: int, think_s: float, service: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean wait, and the share of the time that the server is busy, by exact simulation."""
    chance = random.Random(1)
    due = [chance.expovariate(1 / think_s) for _ in range(users)]
    heapq.heapify(due)
    free = waited = 0.0
    for served in service.tolist():
        at = heapq.heappop(due)
        begin = max(at, free)
        waited, free = waited + begin - at, begin + served
        heapq.heappush(due, free + chance.expovariate(1 / think_s))
    return waited / len(service), float(service.sum()) / free


def repairman(users: int, think_s: float) -> list[float]:
    """Return the probability of each number of users at the server (M/M/1//N)."""
    ratio, weights = SERVICE_S / think_s, [1.0]
    for there in range(users):
        weights.append(weights[-1] * (users - there) * ratio)
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def repairman_wait(users: int, think_s: float) -> float:
    """Return the mean wait: those in the queue, by Little's law."""
    share = repairman(users, think_s)
    queued = math.fsum((there - 1) * of for there, of in enumerate(share) if there)
    return max(0.0, queued / ((1 - share[0]) / SERVICE_S)) if users > 1 else 0.0


def think(users: int) -> float:
    """Return how long users think so that the server is busy for ``RHO`` of the time."""
    low, high = 1e-6, 10.0 * users
    while high - low > 1e-9 * users:
        middle = (low + high) / 2
        low, high = (middle, high) if 1 - repairman(users, middle)[0] > RHO else (low, middle)
    return low
