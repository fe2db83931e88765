"""Histograms of parts are those of the whole, and their percentiles those of the values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.analysis.measures import Measured, present
from loadgen.analysis.percentiles import NEEDED, nearest_rank
from loadgen.distributed.histograms import NAMES, RANKS, Histograms
from loadgen.model import Recording
from tests.synthetic import MS, recording


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    """One worker's, latencies spread over several orders of magnitude."""
    made = recording(
        streams=draw(st.integers(1, 300)),
        concurrency=draw(st.integers(1, 50)),
        tokens=draw(st.integers(1, 8)),
        ttft_ms=draw(st.floats(0.1, 20_000)),
        gap_ms=draw(st.floats(0.01, 2_000)),
        jitter=draw(st.floats(0, 3)),
        lag_us=draw(st.floats(1, 100_000)),
        lag_jitter=1.0,
        seed=draw(st.integers(0, 1000)),
    )
    late = np.random.default_rng(draw(st.integers(0, 1000))).exponential(MS, len(made.streams["due"]))
    return replace(made, streams={**made.streams, "due": made.streams["start"] - late.astype(np.int64)})


def figures(*parts: Recording) -> Histograms:
    found = Histograms()
    for part in parts:
        found.add(part)
    return found


@settings(deadline=None, max_examples=30)
@given(st.lists(recordings(), min_size=2, max_size=4))
def test_the_parts_of_several_workers_merged_are_one_histogram_of_all(parts: list[Recording]) -> None:
    merged, whole = Histograms(), figures(*parts)
    for part in parts:
        merged.merge(figures(part).take())
    assert merged.told() == whole.told()
    assert merged.take() == whole.take(), "the same count in every bucket"


def test_what_was_taken_is_not_taken_again() -> None:
    worker, master = Histograms(), Histograms()
    parts = [recording(seed=seed, jitter=0.5) for seed in (1, 2)]
    for part in parts:
        worker.add(part)
        master.merge(worker.take())
    assert worker.take() == {}
    assert master.told() == figures(*parts).told()


@settings(deadline=None, max_examples=60)
@given(recordings())
def test_percentiles_are_the_nearest_rank_ones_within_a_thousandth(part: Recording) -> None:
    measured = Measured(part)
    lags = measured.lags()
    late = measured.column("start") - measured.column("due")
    tpot = measured.tpot[measured.included]
    exact = {
        "ttft": present(measured.ttft[measured.included]) / 1e6,
        "itl": measured.gaps().values / 1e6,
        "lag": (lags.values if lags is not None else np.array([])) / 1e6,
        "late": late[measured.included] / 1e6,
        "request": present(measured.send_delay[measured.included]) / 1e6,
        "rate": 1e9 / tpot[tpot > 0],
    }
    told = figures(part).told()
    assert set(told) == set(exact) == set(NAMES)
    for name, values in exact.items():
        ordered, found = np.sort(values), told[name]
        if not len(values):
            assert found is None
            continue
        assert found is not None
        assert found["n"] == len(values)
        for rank in RANKS:
            if len(values) < NEEDED[rank]:
                assert found[f"p{rank}"] is None
            else:
                # Values are counted as whole microseconds.
                right = ordered[nearest_rank(rank, len(values))]
                assert found[f"p{rank}"] == pytest.approx(right, rel=1e-3, abs=0.00051), (name, rank)


def test_nothing_counted_is_told_as_nothing() -> None:
    assert Histograms().told() == dict.fromkeys(NAMES)
    assert Histograms().take() == {}
