"""Intervals of effects against synthetic data of known truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from loadgen.analysis import effects
from tests.analysis.binomial import at_least, at_most


@pytest.mark.parametrize(
    ("df", "p", "t"),  # the tables of Abramowitz & Stegun, 26.10
    [(1, 0.975, 12.706), (2, 0.975, 4.303), (3, 0.995, 5.841), (10, 0.95, 1.812), (120, 0.975, 1.980)],
)
def test_the_quantiles_of_t(df, p, t):
    assert effects.quantile(p, df) == pytest.approx(t, abs=0.001)
    assert effects.two_sided_p(t, df) == effects.two_sided_p(-t, df) == pytest.approx(2 - 2 * p, abs=0.0002)


@pytest.mark.parametrize("rounds", [3, 5, 10])
@pytest.mark.parametrize("noise", [0.02, 0.5])
def test_intervals_cover_the_truth_as_often_as_they_say(rounds, noise, draws):
    rng = np.random.default_rng(rounds)
    hits = sum(
        found.low <= 0.3 <= found.high
        for found in (effects.mean(0.3 + noise * rng.standard_normal(rounds)) for _ in range(draws))
    )
    assert at_least(0.95, draws) <= hits <= at_most(0.95, draws)


def test_paired_ratios_do_not_see_what_disturbs_a_whole_round(draws):
    rng = np.random.default_rng(1)
    hits, widths = 0, []
    for _ in range(draws):
        minute = np.exp(rng.normal(0, 1.0, 3))  # a busy machine, for both alike
        one, other = 2.0 * minute * np.exp(rng.normal(0, 0.05, 3)), minute * np.exp(rng.normal(0, 0.05, 3))
        found = effects.times(np.log(one / other))
        hits += found.low <= 2.0 <= found.high
        widths.append(math.log(found.high / found.low))
    assert at_least(0.95, draws) <= hits <= at_most(0.95, draws)
    assert np.median(widths) < 0.5


def test_intervals_of_several_comparisons_hold_together(draws):
    rng = np.random.default_rng(2)
    all_hold = sum(
        all(
            found.low <= 0 <= found.high
            for found in (effects.mean(rng.standard_normal(4), comparisons=6) for _ in range(6))
        )
        for _ in range(draws)
    )
    assert all_hold >= at_least(0.95, draws)


def test_one_round_has_no_interval_and_takes_no_side():
    alone = effects.mean([3.0])
    assert alone == effects.Mean(3.0, n=1)
    assert alone.side(1.0) == 0
    assert effects.mean([]) is None
    assert effects.times([]) is None


def test_sides():
    found = effects.mean([1.0, 1.1, 0.9])
    assert (found.side(0.5), found.side(1.0), found.side(1.5)) == (1, 0, -1)


def test_a_straight_line_is_found():
    assert effects.slope([1, 10, 100], [7 + 3 * x for x in (1, 10, 100)]) == pytest.approx((7, 3))
    assert effects.slope([5, 5], [1, 2]) is None


def test_what_cannot_be_negative_has_no_negative_bound():
    assert effects.never_negative([0.0, 0.1, 0.0]).low == 0
    assert effects.never_negative([0.0, 0.1, 0.0]).high == effects.mean([0.0, 0.1, 0.0]).high
    assert effects.never_negative([-0.1, 0.1, 0.0]).low < 0
    assert effects.never_negative([]) is None
