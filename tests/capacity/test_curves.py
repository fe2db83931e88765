"""Limits and crossings of curves whose truth is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from loadgen.capacity.curves import crossings, limits
from loadgen.capacity.readings import Reading
from loadgen.model import ClientId, Level
from tests.capacity.searching import Curve, cliff, gentle, queue, reading, searched, steep

ONE, OTHER = ClientId("aiohttp"), ClientId("requests")
CURVES = (steep, gentle, queue)


def test_intervals_cover_half_and_the_limit_of_another_search(draws: int) -> None:
    chance = random.Random(1)
    draws //= 2
    halves = others = 0
    for draw in range(draws):
        truth, noise = chance.uniform(200, 2000), chance.uniform(0.2, 0.4)
        found = searched(CURVES[draw % 3], truth, noise, draw).result()
        other = searched(CURVES[draw % 3], truth, noise, draws + draw).result()
        assert found.limit is not None
        assert found.half is not None
        assert other.limit is not None
        halves += found.half.low <= truth <= found.half.high
        others += found.limit.low <= other.limit.value <= found.limit.high
    for covered in (halves, others):
        assert covered >= binom.ppf(0.005, draws, 0.95)


@pytest.mark.parametrize(("curve", "within"), [(steep, 0.05), (queue, 0.05), (cliff, 0.05), (gentle, 0.10)])
def test_searches_of_one_client_agree(curve: Curve, within: float) -> None:
    found = [searched(curve, 700, 0.3, draw).result().limit for draw in range(40)]
    logs = [math.log(each.value / 700) for each in found if each is not None]
    assert len(logs) == 40
    assert np.std(logs) < within
    assert -0.2 < np.mean(logs) < 0


def test_what_does_not_count_is_no_part_of_a_limit() -> None:
    reported = [reading(ONE, n, (n / 400) ** 5) for n in (200, 300, 500, 600)]
    void = Reading(client=ONE, level=Level(streams=300), verdict="machine", use=90.0)
    assert limits([*reported, void], 300, 5, 0.05) == limits(reported, 300, 5, 0.05)


def test_one_wild_cell_far_from_the_limit_does_not_move_it() -> None:
    calm = [reading(ONE, n, (n / 400) ** 5) for n in (100, 200, 300, 360, 440, 500, 800)]
    _, still = limits(calm, 360, 5, 0.05)
    _, moved = limits([*calm, reading(ONE, 100, 30.0)], 360, 5, 0.05)
    assert still.value == pytest.approx(400, rel=0.1)
    assert moved.value == pytest.approx(still.value, rel=0.1)


def curve(client: ClientId, use: Callable[[int], float], noise: float, seed: int) -> list[Reading]:
    chance = random.Random(f"{client}/{seed}")
    return [
        reading(client, n, use(n) * math.exp(chance.gauss(0, noise)))
        for n in (64, 128, 256, 512, 1024)
        for _ in range(2)
    ]


def test_curves_cross_where_they_do() -> None:
    near = 0
    for seed in range(50):
        (found,) = crossings(
            {
                ONE: curve(ONE, lambda n: 0.1 * (n / 300) ** 1, 0.1, seed),
                OTHER: curve(OTHER, lambda n: 0.1 * (n / 300) ** 3, 0.1, seed),
            }
        )
        assert found.at is not None
        assert found.lower == OTHER
        assert not found.throughout
        near += found.at.low <= 300 <= found.at.high
    assert near >= 44


def test_a_curve_below_another_is_lower_throughout() -> None:
    one = curve(ONE, lambda n: 0.01 * (n / 300) ** 2, 0.1, 1)
    (found,) = crossings({ONE: one, OTHER: curve(OTHER, lambda n: 0.1 * (n / 300) ** 2, 0.1, 1)})
    assert (found.at, found.lower, found.throughout) == (None, ONE, True)
    assert (found.low, found.high) == (64, 1024)


def test_equal_curves_are_within_the_noise() -> None:
    same = [
        crossings(
            {
                ONE: curve(ONE, lambda n: 0.1 * (n / 300) ** 2, 0.3, seed),
                OTHER: curve(OTHER, lambda n: 0.1 * (n / 300) ** 2, 0.3, seed + 1000),
            }
        )[0]
        for seed in range(40)
    ]
    assert sum(each.at is not None for each in same) <= 4


def test_curves_without_a_common_range_are_not_compared() -> None:
    low = [reading(ONE, n, 0.5) for n in (8, 16)]
    high = [reading(OTHER, n, 0.5) for n in (64, 128)]
    assert crossings({ONE: low, OTHER: high}) == []
    assert crossings({ONE: low, OTHER: low[:1]}) == []
