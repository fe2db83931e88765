"""Slopes over concurrency with known truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from loadgen.analysis import effects, rounds, summarise
from loadgen.argument import costs as argued
from loadgen.argument.costs import COSTS
from loadgen.model import ClientId, Level, Round
from tests.synthetic import recording, run

REQUESTS = ClientId("requests")


def costs(repeats=3, levels=(1, 10, 100), noise=0.02, client="requests", **how):
    made = []
    for repeat in range(repeats):
        for n in levels:
            off = float(np.exp(np.random.default_rng([repeat, n]).normal(0, noise)))
            made.append(
                recording(
                    client=client,
                    mode="threads",
                    concurrency=n,
                    streams=2 * n,
                    repeat=repeat,
                    index=len(made),
                    rss_per_stream_kib=50 * off,
                    cpu_us_per_token=40 * off,
                    voluntary_per_token=2 * off,
                    base_rss_kib=30_720,
                    **how,
                )
            )
    held = run(".", made)
    return {finding.client: finding for finding in argued.findings(held, summarise(held))}


def test_each_additional_stream_apart_from_the_fixed_part():
    found = costs()[REQUESTS]
    assert (found.lowest, found.highest) == (Level(streams=1), Level(streams=100))
    by_resource = {cost.resource: cost for cost in found.costs}
    for resource, truth in (("memory", 50), ("threads", 1), ("cpu", 40), ("switches", 2.01)):
        growth = by_resource[resource].growth
        assert growth.value == pytest.approx(truth, rel=0.05)
        assert growth.low <= truth * 1.001
        assert growth.high >= truth * 0.999
        assert growth.n == 3
    assert by_resource["memory"].fixed.value == pytest.approx(30, rel=0.01)
    assert by_resource["threads"].fixed.value == pytest.approx(1, abs=0.01)


def test_intervals_of_slopes_hold_the_truth(draws):
    template = summarise(run(".", [recording(concurrency=1, streams=2, tokens=3)]))[0]
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(draws):
        sweep = [
            replace(
                template,
                level=Level(streams=n),
                rounds=tuple(
                    Round(r, {"rss_peak_mib": (40_000 + 50 * n * np.exp(rng.normal(0, 0.05))) / 1024})
                    for r in range(3)
                ),
            )
            for n in (1, 10, 100, 1000)
        ]
        found = effects.mean(line[1] for line in rounds.lines(sweep, COSTS[0].x, COSTS[0].y))
        hits += found.low <= 50 * np.exp(0.05**2 / 2) <= found.high
    assert abs(hits / draws - 0.95) <= 4 * math.sqrt(0.95 * 0.05 / draws)  # four standard errors


def test_one_level_has_no_slope():
    assert costs(levels=(10,)) == {}


def test_one_round_has_no_interval():
    memory = costs(repeats=1)[REQUESTS].costs[0].growth
    assert memory.value == pytest.approx(50, rel=0.05)
    assert (memory.low, memory.high) == (None, None)


def test_an_a_a_control_is_no_client_of_its_own():
    assert costs(client="requests (A/A)") == {}
