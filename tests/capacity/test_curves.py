"""Limits and crossings of curves whose truth is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from loadgen.capacity.curves import Limit, crossings, limit
from loadgen.capacity.readings import Reading
from loadgen.model import ClientId, Level
from tests.capacity.searching import Curve, cliff, gentle, queue, reading, searched, steep

ONE, OTHER = ClientId("aiohttp"), ClientId("requests")
CURVES = (steep, gentle, queue)


def test_the_interval_of_a_limit_covers_it_in_95_of_100_searches(draws: int) -> None:
    chance = random.Random(1)
    covered = 0
    for draw in range(draws):
        truth = chance.uniform(200, 2000)
        found = searched(CURVES[draw % 3], truth, chance.uniform(0.2, 0.4), draw).result().limit
        assert found is not None
        covered += found.low <= truth <= found.high
    # A coverage of 93 to 97 %, with what this many draws vary by.
    assert binom.ppf(0.005, draws, 0.93) <= covered <= binom.ppf(0.995, draws, 0.97)


@pytest.mark.parametrize(("curve", "within"), [(steep, 0.06), (queue, 0.05), (cliff, 0.06), (gentle, 0.12)])
def test_searches_of_one_client_agree(curve: Curve, within: float) -> None:
    found = [searched(curve, 700, 0.3, draw).result().limit for draw in range(40)]
    errors = [math.log(each.value / 700) for each in found if each is not None]
    assert len(errors) == 40
    assert np.std(errors) < within
    assert abs(np.mean(errors)) < within / 2


def test_a_cliff_lies_anywhere_between_its_steps() -> None:
    found = limit([reading(ONE, n, 0.3) for n in (100, 100, 200)] + [reading(ONE, 230, 50.0)] * 2)
    assert found is not None
    assert found.low <= 201
    assert found.high >= 229
    assert 200 < found.value < 230


def test_one_wild_cell_far_from_the_limit_does_not_move_it() -> None:
    calm = [reading(ONE, n, (n / 400) ** 5) for n in (100, 200, 300, 360, 440, 500, 800)]
    still, moved = limit(calm), limit([*calm, reading(ONE, 100, 30.0)])
    assert still is not None
    assert moved is not None
    assert still.value == pytest.approx(400, rel=0.02)
    assert moved.value == pytest.approx(still.value, rel=0.05)


@pytest.mark.parametrize("uses", [[], [0.1, 0.4], [3.0, 9.0]])
def test_no_limit_without_readings_on_both_sides(uses: list[float]) -> None:
    assert limit([reading(ONE, 10 * (place + 1), use) for place, use in enumerate(uses)]) is None


def test_what_does_not_count_is_no_part_of_a_limit() -> None:
    reported = [reading(ONE, n, (n / 400) ** 5) for n in (200, 300, 500, 600)]
    void = Reading(client=ONE, level=Level(streams=300), verdict="machine", use=90.0)
    assert limit([*reported, void]) == limit(reported)


def test_a_budget_that_is_not_touched_or_without_bound_is_a_reading_too() -> None:
    found = limit([reading(ONE, n, use) for n, use in ((100, 0.0), (200, 0.0), (220, math.inf))])
    assert found is not None
    assert 199 < found.low < found.high < 221


@pytest.mark.parametrize(("precision", "is_within"), [(0.10, True), (0.05, False)])
def test_the_wider_side_of_an_interval_decides(precision: float, is_within: bool) -> None:
    assert Limit(100, 98, 108).within(precision) is is_within


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
