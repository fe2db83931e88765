"""Metrics that changed while they were measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadgen.analysis import drift, summarise
from loadgen.model import Level, Load, Stage
from tests.synthetic import client_id, recording, run

MS = 1_000_000


def drifts(made, load=None):
    held = run(".", made)
    if load:
        scenario = held.info.scenario
        scenario = replace(scenario, workload=replace(scenario.workload, load=load))
        held = replace(held, info=replace(held.info, scenario=scenario))
    return drift.findings(held, summarise(held))


def slowing(made, by_ms):
    """Return the recording with headers and reads of the streams due in the second half later."""
    streams, arrivals = made.streams, made.arrivals
    by = (streams.due >= np.median(streams.due)) * by_ms * MS
    return replace(
        made,
        streams=replace(streams, end=streams.end + by),
        arrivals=replace(arrivals, at=arrivals.at + np.repeat(by, streams.reads)),
    )


def test_a_steady_cell_is_not_flagged():
    made = [recording(jitter=0.3, ramp_ms=1000, streams=400, index=i, repeat=i) for i in range(20)]
    assert drifts(made) == []


def test_a_cell_that_slows_down_is():
    made = slowing(recording(jitter=0.3, ramp_ms=1000, streams=400), 150)
    (found,) = drifts([made])
    assert (found.client, found.level, found.repeat) == (client_id("aiohttp"), Level(streams=100), 0)
    assert found.metric == "ttft_p50_ms"
    assert found.after - found.before == pytest.approx(150, abs=30)


def test_changes_between_stages_are_no_drift():
    made = slowing(recording(jitter=0.3, ramp_ms=1000, streams=400), 150)
    assert drifts([made], load=Load(stages=(Stage(to=5, over=1.0),))) == []


def test_a_small_change_is_ignored():
    assert drifts([slowing(recording(jitter=0.05, ramp_ms=1000, streams=4000, tokens=5), 15)]) == []


def rounds_of(cpu):
    return [
        recording(client=client, repeat=repeat, index=4 * repeat + place, cpu_us_per_token=us * scale)
        for repeat, us in enumerate(cpu)
        for place, (client, scale) in enumerate((("aiohttp", 1.0), ("httpx-async", 2.0)))
    ]


def test_rounds_that_cost_more_and_more_are_flagged():
    found = drifts(rounds_of([20, 22.1, 24.0, 26.1, 28.0]))
    assert [(f.metric, f.repeat) for f in found] == [("cpu_us_per_token", None)]
    assert found[0].change.low < 0.4 < found[0].change.high


def test_rounds_that_scatter_are_not():
    assert drifts(rounds_of([20, 26, 19, 24, 21])) == []
