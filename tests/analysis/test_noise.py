"""What one client differs from itself by."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from loadgen.analysis import findings, noise, rounds, summarise
from loadgen.model import Level
from tests.analysis.binomial import at_least, at_most
from tests.synthetic import client_id, recording, run

TEN = Level(streams=10)
CPU = rounds.column("cpu_us_per_token")


@cache
def template():
    return summarise(run(".", [recording(concurrency=10, streams=20, tokens=3)]))[0]


def summary(client, values):
    figures = [{"repeat": repeat, "cpu_us_per_token": float(value)} for repeat, value in enumerate(values)]
    return replace(template(), client=client_id(client), rounds=tuple(figures))


def drawn(rng, times=1.0):
    """Two names of one client, whose blocks differ by 5 % and share what the machine did."""
    minute = np.exp(rng.normal(0, 0.3, 3))
    return [
        summary(client, 20 * minute * scale * np.exp(rng.normal(0, 0.05, 3)))
        for client, scale in (("aiohttp", 1.0), ("aiohttp (A/A)", times))
    ]


def test_equal_clients_are_within_the_threshold_in_95_of_100_runs(draws):
    """Compare the threshold of one A/A control with another difference of equals."""
    rng = np.random.default_rng(5)
    beyond = 0
    for _ in range(draws):
        threshold = noise.NoiseThresholds(drawn(rng)).threshold(TEN, CPU)
        other = noise.NoiseThresholds(drawn(rng)).ratios(TEN, CPU)
        beyond += abs(sum(other) / 3) > threshold
    assert at_least(0.05, draws) <= beyond <= at_most(0.05, draws)


def test_a_pair_is_told_with_its_floor():
    made = [
        recording(client=client, repeat=repeat, index=place, concurrency=10, rss_per_stream_kib=kib)
        for place, (client, repeat, kib) in enumerate(
            (client, repeat, kib)
            for client, of in (("aiohttp", (100, 110, 90)), ("aiohttp (A/A)", (110, 100, 90)))
            for repeat, kib in enumerate(of)
        )
    ]
    held = run(".", made)
    (told,) = [f for f in findings(held, summarise(held)) if f.kind == "noise"]
    memory = {effect.name: effect for effect in told.effects}["memory per stream"]
    assert told.statement.startswith("aiohttp measured twice at 10 streams")
    assert memory.low < 0 < memory.high
    assert memory.line == pytest.approx(15.5, abs=2)


def test_no_twin_no_noise():
    held = run(".", [recording(repeat=repeat, index=repeat) for repeat in range(3)])
    assert not [f for f in findings(held, summarise(held)) if f.kind == "noise"]
    assert noise.NoiseThresholds(summarise(held)).threshold(Level(streams=100), CPU) is None
