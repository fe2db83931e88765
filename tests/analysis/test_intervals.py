from __future__ import annotations

import math

import numpy as np
import pytest

from loadgen.analysis.intervals import GROUPS, STREAM_BITS, TOKEN_BITS, Resampler
from loadgen.analysis.measures import Times

MS = 1_000_000


def of_streams(resampler, part, values):
    rows = np.flatnonzero(values >= 0).astype(np.int32)
    return resampler.histogram(part, Times(values[rows], rows), STREAM_BITS)


def all_of(n):
    return np.ones(n, dtype=bool)


def test_the_same_seed_draws_the_same():
    values = np.random.default_rng(1).integers(1 * MS, 900 * MS, 500)

    def interval(seed):
        resampler = Resampler([[all_of(500)]], seed)
        return resampler.interval([of_streams(resampler, 0, values)], 99)

    assert interval([1, 2]) == interval([1, 2])
    assert interval([1, 2]) != interval([1, 3])


def test_constant_values_have_no_width_and_keep_their_size():
    resampler = Resampler([[all_of(50)]], [0])
    low, high = resampler.interval([of_streams(resampler, 0, np.full(50, 300 * MS))], 50)
    assert low == high == pytest.approx(300, rel=0.0005)
    tokens = Times(np.full(5000, 300 * MS), np.repeat(np.arange(50, dtype=np.int32), 100))
    low, high = resampler.interval([resampler.histogram(0, tokens, TOKEN_BITS)], 99)
    assert low == high == pytest.approx(300, rel=0.004)


def test_what_is_below_a_microsecond_or_negative_is_zero():
    resampler = Resampler([[all_of(3)]], [0])
    tokens = Times(np.array([-5000, 0, 900]), np.arange(3, dtype=np.int32))
    assert resampler.interval([resampler.histogram(0, tokens, TOKEN_BITS)], 99) == (0.0, 0.0)


def test_nothing_gives_nothing():
    resampler = Resampler([[np.zeros(3, dtype=bool)], [all_of(2)]], [0])
    nothing = [of_streams(resampler, part, np.full(3 - part, -1)) for part in (0, 1)]
    assert resampler.interval(nothing, 50) is None
    assert Resampler([], [0]).interval([], 50) is None


def test_repeats_without_values_and_of_other_sizes_go_together():
    resampler = Resampler([[all_of(3 * GROUPS)], [np.zeros(9, dtype=bool)], [all_of(2)]], [0])
    histograms = [
        of_streams(resampler, 0, np.full(3 * GROUPS, 10 * MS)),
        of_streams(resampler, 1, np.full(9, -1)),
        of_streams(resampler, 2, np.array([1000 * MS, 1000 * MS])),
    ]
    assert resampler.interval(histograms, 50) == pytest.approx((10, 10), rel=0.001)


def test_parts_of_a_repeat_are_drawn_together():
    fast, slow = np.full(60, 10 * MS), np.full(6, 1000 * MS)

    def interval(included):
        resampler = Resampler(included, [0])
        return resampler.interval([of_streams(resampler, 0, fast), of_streams(resampler, 1, slow)], 90)

    low, high = interval([[all_of(60)], [all_of(6)]])
    assert low == high == pytest.approx(10, rel=0.001)  # two repeats: as many of each in every draw
    low, high = interval([[all_of(60), all_of(6)]])
    assert (low, high) == pytest.approx((10, 1000), rel=0.001)  # one: draws hold more of the one or the other


def test_intervals_hold_the_truth_as_often_as_they_say(draws):
    """Tokens of a stream are alike: their percentiles are known only as well as the streams' own."""
    rng = np.random.default_rng(7)
    truth = {50: 50.0, 90: 50.0 * np.exp(0.3 * 1.281552)}
    hits = dict.fromkeys(truth, 0)
    for draw in range(draws):
        resampler = Resampler([[all_of(120)]], [draw])
        own = 50.0 * np.exp(rng.normal(0, 0.3, 120))
        values = (np.repeat(own, 5) * MS).astype(np.int64)
        made = [
            resampler.histogram(0, Times(values, np.repeat(np.arange(120, dtype=np.int32), 5)), TOKEN_BITS)
        ]
        for rank, true in truth.items():
            low, high = resampler.interval(made, rank)
            hits[rank] += low * 0.996 <= true <= high * 1.004
    for number in hits.values():
        assert abs(number / draws - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / draws)  # three standard errors
