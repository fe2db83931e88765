from __future__ import annotations

import math

import numpy as np
import pytest

from loadgen.analysis.intervals import GROUPS, STREAM_BITS, TOKEN_BITS, Resampler
from loadgen.analysis.measures import Times

MS = 1_000_000


def of_streams(values):
    rows = np.flatnonzero(values >= 0).astype(np.int32)
    return Times(values[rows], rows)


def of_tokens(values, each=1):
    return Times(values, np.repeat(np.arange(len(values) // each, dtype=np.int32), each))


def interval(included, times, rank, *, bits=STREAM_BITS, seed=(0,)):
    return Resampler(included, seed).intervals(times, (rank,), bits).get(rank)


def all_of(n):
    return np.ones(n, dtype=bool)


def test_the_same_seed_draws_the_same():
    values = of_streams(np.random.default_rng(1).integers(1 * MS, 900 * MS, 500))
    one, same, other = (
        interval([[all_of(500)]], [values], 99, seed=seed) for seed in ((1, 2), (1, 2), (1, 3))
    )
    assert one == same != other


def test_percentiles_of_one_metric_are_drawn_together():
    times = [of_streams(np.random.default_rng(1).integers(1 * MS, 900 * MS, 500))]
    both = Resampler([[all_of(500)]], [0]).intervals(times, (50, 99), STREAM_BITS)
    assert both == {rank: interval([[all_of(500)]], times, rank) for rank in (50, 99)}


def test_constant_values_have_no_width_and_keep_their_size():
    low, high = interval([[all_of(50)]], [of_streams(np.full(50, 300 * MS))], 50)
    assert low == high == pytest.approx(300, rel=0.0005)
    low, high = interval([[all_of(50)]], [of_tokens(np.full(5000, 300 * MS), 100)], 99, bits=TOKEN_BITS)
    assert low == high == pytest.approx(300, rel=0.004)


def test_what_is_below_a_microsecond_or_negative_is_zero():
    tokens = of_tokens(np.array([-5000, 0, 900]))
    assert interval([[all_of(3)]], [tokens], 99, bits=TOKEN_BITS) == (0.0, 0.0)


def test_nothing_gives_nothing():
    nothing = [of_streams(np.full(3 - part, -1)) for part in (0, 1)]
    assert interval([[np.zeros(3, dtype=bool)], [all_of(2)]], nothing, 50) is None
    assert interval([], [], 50) is None


def test_repeats_without_values_and_of_other_sizes_go_together():
    values = (np.full(3 * GROUPS, 10 * MS), np.full(9, -1), np.array([1000 * MS, 1000 * MS]))
    included = [[all_of(3 * GROUPS)], [np.zeros(9, dtype=bool)], [all_of(2)]]
    assert interval(included, list(map(of_streams, values)), 50) == pytest.approx((10, 10), rel=0.001)


def test_parts_of_a_repeat_are_drawn_together():
    times = [of_streams(np.full(60, 10 * MS)), of_streams(np.full(6, 1000 * MS))]
    low, high = interval([[all_of(60)], [all_of(6)]], times, 90)
    assert low == high == pytest.approx(10, rel=0.001)  # two repeats: as many of each in every draw
    low, high = interval([[all_of(60), all_of(6)]], times, 90)
    assert (low, high) == pytest.approx((10, 1000), rel=0.001)  # one: draws hold more of the one or the other


def test_intervals_hold_the_truth_as_often_as_they_say(draws):
    """Tokens of a stream are alike: their percentiles are known only as well as the streams' own."""
    rng = np.random.default_rng(7)
    truth = {50: 50.0, 90: 50.0 * np.exp(0.3 * 1.281552)}
    hits = dict.fromkeys(truth, 0)
    for draw in range(draws):
        own = 50.0 * np.exp(rng.normal(0, 0.3, 120))
        values = (np.repeat(own, 5) * MS).astype(np.int64)
        made = Resampler([[all_of(120)]], [draw]).intervals([of_tokens(values, 5)], truth, TOKEN_BITS)
        for rank, true in truth.items():
            low, high = made[rank]
            hits[rank] += low * 0.996 <= true <= high * 1.004
    for number in hits.values():
        assert abs(number / draws - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / draws)  # three standard errors
