from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.analysis.percentiles import NEEDED, nearest_rank, percentiles


def by_definition(values, rank):
    """The least value that at least rank percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(Fraction(rank, 100) * len(ordered)) - 1)] / 1e6


@settings(deadline=None)
@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=400), st.sampled_from(sorted(NEEDED)))
def test_agrees_with_the_definition(values, rank):
    found = percentiles(np.array(values, dtype=np.int64))[rank]
    assert found == (by_definition(values, rank) if len(values) >= NEEDED[rank] else None)


@settings(deadline=None)
@given(st.integers(100, 3000), st.integers(0, 2**32 - 1), st.sampled_from([50, 90, 95, 99]))
def test_agrees_with_numpy(n, seed, rank):
    values = np.random.default_rng(seed).integers(0, 50, n) * 1_000_000
    assert percentiles(values)[rank] == np.percentile(values, rank, method="inverted_cdf") / 1e6


@pytest.mark.parametrize(("rank", "least"), [(50, 1), (90, 10), (95, 20), (99, 100)])
def test_is_empty_where_the_values_cannot_hold_it_and_of_low_sample_where_they_barely_can(rank, least):
    def of(n):
        return percentiles(np.arange(n, dtype=np.int64))

    assert of(least - 1)[rank] is None
    assert not of(least - 1).low_sample(rank)
    assert of(least)[rank] is not None
    assert of(least).low_sample(rank)
    assert of(10 * least - 1).low_sample(rank)
    assert not of(10 * least).low_sample(rank)


def test_p99_of_a_hundred_is_the_ninety_ninth():
    assert percentiles(np.arange(1, 101, dtype=np.int64) * 1_000_000)[99] == 99.0
    assert nearest_rank(99, 101) == 99


def test_leaves_the_values_as_they_were():
    values = np.array([3, 1, 2], dtype=np.int64)
    percentiles(values)
    assert values.tolist() == [3, 1, 2]


def test_a_rank_without_a_rule_is_refused():
    with pytest.raises(KeyError):
        percentiles(np.arange(10), [75])
