"""How much one client differs from itself."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from loadgen.analysis import noise, summarise
from loadgen.model import Level, Round
from tests.analysis.binomial import at_least, at_most
from tests.synthetic import client_id, recording, run

TEN = Level(streams=10)
CPU = "cpu_us_per_token"


@cache
def template():
    return summarise(run(".", [recording(concurrency=10, streams=20, tokens=3)]))[0]


def summary(client, values):
    figures = [Round(repeat, {"cpu_us_per_token": float(value)}) for repeat, value in enumerate(values)]
    return replace(template(), client=client_id(client), rounds=tuple(figures))


def drawn(rng, times=1.0):
    """Return a client and its A/A control, whose rounds differ by 5 % and share what the machine did."""
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


def test_a_control_has_a_threshold_for_each_metric():
    made = [
        recording(client=client, repeat=repeat, index=place, concurrency=10, rss_per_stream_kib=kib)
        for place, (client, repeat, kib) in enumerate(
            (client, repeat, kib)
            for client, of in (("aiohttp", (100, 110, 90)), ("aiohttp (A/A)", (110, 100, 90)))
            for repeat, kib in enumerate(of)
        )
    ]
    held = run(".", made)
    (found,) = noise.findings(held, summarise(held))
    assert (found.client, found.level) == (client_id("aiohttp"), TEN)
    (memory,) = (each for each in found.thresholds if each.metric == "rss_per_stream_kib")
    assert memory.difference.low < 0 < memory.difference.high
    assert memory.threshold == pytest.approx(0.155, abs=0.02)


def test_without_a_control_there_is_no_threshold():
    held = run(".", [recording(repeat=repeat, index=repeat) for repeat in range(3)])
    assert noise.findings(held, summarise(held)) == []
    assert noise.NoiseThresholds(summarise(held)).threshold(Level(streams=100), CPU) is None
