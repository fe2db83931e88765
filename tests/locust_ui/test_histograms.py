"""Histograms of parts are those of the whole, and their percentiles those of the values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.analysis.measures import Measured, present
from loadgen.analysis.percentiles import NEEDED, nearest_rank
from loadgen.locust_ui.histograms import START_DELAY, Histograms, formulas
from loadgen.model import Recording
from tests.synthetic import MS, recording

RANKS = tuple(NEEDED)


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
    late = np.random.default_rng(draw(st.integers(0, 1000))).exponential(MS, len(made.streams.due))
    return replace(made, streams=replace(made.streams, due=made.streams.start - late.astype(np.int64)))


@settings(deadline=None, max_examples=40)
@given(st.lists(recordings(), min_size=1, max_size=3))
def test_percentiles_are_nearest_rank_over_all_parts_within_a_thousandth(parts: list[Recording]) -> None:
    histograms = Histograms()
    exact: dict[str, list[np.ndarray]] = {key: [] for key in formulas()}
    for part in parts:
        histograms.add(part)
        measured = Measured(part)
        of = measured.included
        lags = measured.lags()
        exact["ttft"].append(present(measured.ttft[of]))
        exact["itl"].append(measured.gaps().values)
        exact["lag"].append(lags.values if lags is not None else np.array([]))
        exact["to_wire"].append(present(measured.to_wire[of]))
        exact[START_DELAY].append((measured.streams.start - measured.streams.due)[of])
    assert set(exact) == {"ttft", "itl", "lag", "to_wire", START_DELAY}
    for key, vectors in exact.items():
        ordered = np.sort(np.concatenate(vectors)) / 1e6
        found = histograms.percentiles(key, RANKS)
        assert found.n == len(ordered)
        for rank in RANKS:
            if found.n < NEEDED[rank]:
                assert found[rank] is None
            else:  # values are counted as whole microseconds
                right = max(ordered[nearest_rank(rank, found.n)], 0)
                assert found[rank] == pytest.approx(right, rel=1e-3, abs=0.00051), (key, rank)


def test_lag_is_not_counted_where_the_server_runs_on_another_host() -> None:
    histograms = Histograms()
    histograms.add(replace(recording(lag_us=1000.0), same_host=False))
    assert histograms.percentiles("lag", RANKS).n == 0
    assert histograms.percentiles("ttft", RANKS).n > 0


def test_without_values_there_is_no_percentile() -> None:
    found = Histograms().percentiles("ttft", RANKS)
    assert (found.n, [found[rank] for rank in RANKS]) == (0, [None] * len(RANKS))


@pytest.mark.parametrize("ahead_ms", [-40, 40])
def test_a_clock_that_is_off_adds_no_lag_to_the_live_view(ahead_ms: int) -> None:
    made = recording(lag_us=1000.0, jitter=0.3, server_late_p99_ms=None)
    for durations in (True, False):
        streams = replace(
            made.streams,
            first_stamp_ns=made.streams.first_stamp_ns + ahead_ms * MS,
            end_stamp_ns=made.streams.end_stamp_ns + ahead_ms * MS,
            total_ns=made.streams.total_ns if durations else np.full(len(made.streams), -1),
        )
        histograms = Histograms()
        histograms.add(replace(made, streams=streams))
        found = histograms.percentiles("lag", [50])
        assert bool(found.n) is durations
        assert found[50] is None or found[50] < 2
