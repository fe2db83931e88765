"""Figures that moved while they were taken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadgen.analysis import findings, summarise
from loadgen.model import Load, Stage
from tests.synthetic import recording, run

MS = 1_000_000


def trends(made, load=None):
    held = run(".", made)
    if load:
        scenario = held.info.scenario
        scenario = replace(scenario, workload=replace(scenario.workload, load=load))
        held = replace(held, info=replace(held.info, scenario=scenario))
    return [f for f in findings(held, summarise(held)) if f.kind == "trend"]


def slowing(made, by_ms):
    """The same, but for streams due in the second half, whose headers and reads come later."""
    streams, arrivals = dict(made.streams), dict(made.arrivals)
    late = streams["due"] >= np.median(streams["due"])
    streams["end"] = streams["end"] + late * by_ms * MS
    arrivals["at"] = arrivals["at"] + np.repeat(late * by_ms * MS, streams["reads"])
    return replace(made, streams=streams, arrivals=arrivals)


def test_a_steady_cell_is_not_flagged():
    made = [recording(jitter=0.3, ramp_ms=1000, streams=400, index=i, repeat=i) for i in range(20)]
    assert trends(made) == []


def test_a_cell_that_slows_down_is():
    made = slowing(recording(jitter=0.3, ramp_ms=1000, streams=400), 150)
    (found,) = trends([made])
    assert found.statement.startswith("aiohttp at 100, repeat 1: TTFT p50 went from ")
    assert found.effects[1].value - found.effects[0].value == pytest.approx(150, abs=30)


def test_stages_are_meant_to_move():
    made = slowing(recording(jitter=0.3, ramp_ms=1000, streams=400), 150)
    assert trends([made], load=Load(stages=(Stage(to=5, over=1.0),))) == []


def test_a_small_change_matters_to_nobody():
    assert trends([slowing(recording(jitter=0.05, ramp_ms=1000, streams=4000, tokens=5), 15)]) == []


def blocks_of(cpu):
    return [
        recording(client=client, repeat=repeat, index=4 * repeat + place, cpu_us_per_token=us * scale)
        for repeat, us in enumerate(cpu)
        for place, (client, scale) in enumerate((("aiohttp", 1.0), ("httpx-async", 2.0)))
    ]


def test_blocks_that_cost_more_and_more_are_flagged():
    found = trends(blocks_of([20, 22.1, 24.0, 26.1, 28.0]))
    assert [f.id for f in found] == ["blocks/cpu_us_per_token"]
    assert found[0].statement.startswith("CPU per token went up by ")
    assert found[0].effects[0].low < 40 < found[0].effects[0].high


def test_blocks_that_scatter_are_not():
    assert trends(blocks_of([20, 26, 19, 24, 21])) == []
