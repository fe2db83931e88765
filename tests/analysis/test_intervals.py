from __future__ import annotations

import numpy as np
import pytest

from loadgen.analysis.intervals import GROUPS, STREAM_BITS, TOKEN_BITS, Resampler
from loadgen.analysis.measures import Tokens

MS = 1_000_000


def all_of(n):
    return np.ones(n, dtype=bool)


def test_the_same_seed_draws_the_same():
    values = np.random.default_rng(1).integers(1 * MS, 900 * MS, 500)

    def interval(seed):
        resampler = Resampler([[all_of(500)]], seed)
        return resampler.interval([resampler.of_streams(0, values)], 99, STREAM_BITS)

    assert interval([1, 2]) == interval([1, 2])
    assert interval([1, 2]) != interval([1, 3])


def test_constant_values_have_no_width_and_keep_their_size():
    resampler = Resampler([[all_of(50)]], [0])
    low, high = resampler.interval([resampler.of_streams(0, np.full(50, 300 * MS))], 50, STREAM_BITS)
    assert low == high == pytest.approx(300, rel=0.0005)
    tokens = Tokens(np.full(5000, 300 * MS), np.repeat(np.arange(50, dtype=np.int32), 100))
    low, high = resampler.interval([resampler.of_tokens(0, tokens)], 99, TOKEN_BITS)
    assert low == high == pytest.approx(300, rel=0.004)


def test_what_is_below_a_microsecond_or_negative_is_zero():
    resampler = Resampler([[all_of(3)]], [0])
    tokens = Tokens(np.array([-5000, 0, 900]), np.arange(3, dtype=np.int32))
    assert resampler.interval([resampler.of_tokens(0, tokens)], 99, TOKEN_BITS) == (0.0, 0.0)


def test_nothing_gives_nothing():
    resampler = Resampler([[np.zeros(3, dtype=bool)], [all_of(2)]], [0])
    nothing = [resampler.nothing(0), resampler.nothing(1)]
    assert resampler.interval(nothing, 50, TOKEN_BITS) is None
    assert Resampler([], [0]).interval([], 50, TOKEN_BITS) is None


def test_repeats_without_values_and_of_other_sizes_go_together():
    resampler = Resampler([[all_of(3 * GROUPS)], [np.zeros(9, dtype=bool)], [all_of(2)]], [0])
    histograms = [
        resampler.of_streams(0, np.full(3 * GROUPS, 10 * MS)),
        resampler.of_streams(1, np.full(9, -1)),
        resampler.of_streams(2, np.array([1000 * MS, 1000 * MS])),
    ]
    assert resampler.interval(histograms, 50, STREAM_BITS) == pytest.approx((10, 10), rel=0.001)


def test_parts_of_a_repeat_are_drawn_together():
    fast, slow = np.full(60, 10 * MS), np.full(6, 1000 * MS)

    def interval(chosen):
        resampler = Resampler(chosen, [0])
        return resampler.interval(
            [resampler.of_streams(0, fast), resampler.of_streams(1, slow)], 90, STREAM_BITS
        )

    low, high = interval([[all_of(60)], [all_of(6)]])
    assert low == high == pytest.approx(10, rel=0.001)  # two repeats: as many of each in every draw
    low, high = interval([[all_of(60), all_of(6)]])
    assert (low, high) == pytest.approx((10, 1000), rel=0.001)  # one: draws hold more of the one or the other


def coverage(rng, streams, rank, truth, draws=1000):
    """How often the interval of a percentile holds the true one, where the tokens of a stream are alike."""
    hits = 0
    for draw in range(draws):
        resampler = Resampler([[all_of(streams)]], [draw])
        own = 50.0 * np.exp(rng.normal(0, 0.3, streams))
        values = (np.repeat(own, 5) * MS).astype(np.int64)
        owner = np.repeat(np.arange(streams, dtype=np.int32), 5)
        low, high = resampler.interval([resampler.of_tokens(0, Tokens(values, owner))], rank, TOKEN_BITS)
        hits += low * 0.996 <= truth <= high * 1.004
    return hits / draws


@pytest.mark.parametrize(("rank", "truth"), [(50, 50.0), (90, 50.0 * np.exp(0.3 * 1.281552))])
def test_intervals_hold_the_truth_as_often_as_they_say(rank, truth):
    assert 0.93 <= coverage(np.random.default_rng(7), 120, rank, truth) <= 0.97
