"""What streams, tokens and requests cost, with known truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from loadgen.analysis import effects, rounds, summarise
from loadgen.argument import costs as argued
from loadgen.argument.costs import LINES, fit
from loadgen.model import ClientId, CpuSample, CpuSampleTable, Level, Round
from loadgen.store import table_of
from tests.synthetic import MS, recording, run

REQUESTS = ClientId("requests")


def costs(repeats=3, levels=(1, 10, 100), noise=0.02, client="requests", change=lambda cell: cell, **how):
    made = []
    for repeat in range(repeats):
        for n in levels:
            off = float(np.exp(np.random.default_rng([repeat, n]).normal(0, noise)))
            truth = {"cpu_us_per_token": 40, "cpu_us_per_request": 500, "cpu_ms_per_s": 30}
            scaled = (
                {"rss_per_stream_kib": 50, "voluntary_per_token": 2, "streams": max(20, 2 * n)} | truth | how
            )
            others = {
                name: value for name, value in scaled.items() if name not in truth | {"rss_per_stream_kib": 0}
            }
            cell = recording(
                client=client, mode="threads", concurrency=n, repeat=repeat, index=len(made),
                base_rss_kib=30_720, jitter=0.1, ramp_ms=1000,
                **others | {name: value * off for name, value in scaled.items() if name not in others},
            )  # fmt: skip
            made.append(change(cell))
    held = run(".", made)
    return {finding.client: finding for finding in argued.findings(held, summarise(held))}


def by_resource(finding):
    return {cost.resource: cost for cost in finding.costs}


def test_each_additional_stream_apart_from_the_fixed_part():
    found = costs()[REQUESTS]
    assert (found.lowest, found.highest) == (Level(streams=1), Level(streams=100))
    growths = {resource: cost.growth for resource, cost in by_resource(found).items()}
    truths = {"memory": 50, "threads": 1, "cpu_per_token": 40, "cpu_per_request": 500, "switches": 2.01}
    assert growths.keys() == truths.keys()
    for resource, truth in truths.items():
        growth = growths[resource]
        assert growth.value == pytest.approx(truth, rel=0.05)
        assert growth.low <= truth * 1.001
        assert growth.high >= truth * 0.999
        assert growth.n == 3
    fixed = {resource: cost.fixed.value for resource, cost in by_resource(found).items()}
    assert fixed["memory"] == pytest.approx(30, rel=0.01)
    assert fixed["threads"] == pytest.approx(1, abs=0.01)
    assert fixed["cpu_per_token"] == fixed["cpu_per_request"] == pytest.approx(30, rel=0.05)


@pytest.mark.parametrize("tokens", [5, 50])
def test_a_token_costs_the_same_whatever_the_length_of_the_answers(tokens):
    found = by_resource(costs(levels=(10, 100), tokens=tokens)[REQUESTS])
    assert found["cpu_per_token"].growth.value == pytest.approx(40, rel=0.1)
    assert found["cpu_per_request"].growth.value == pytest.approx(500, rel=0.1)


def test_one_level_tells_the_cpu_of_tokens_and_requests_apart_and_has_no_slopes():
    found = costs(levels=(10,))[REQUESTS]
    assert found.lowest == found.highest == Level(streams=10)
    assert {r: round(c.growth.value, -1) for r, c in by_resource(found).items()} == {
        "cpu_per_token": 40,
        "cpu_per_request": 500,
    }


def test_answers_shorter_than_a_sample_leave_tokens_and_requests_inseparable():
    found = by_resource(costs(levels=(1, 2), tokens=2, ttft_ms=20, gap_ms=1, streams=400)[REQUESTS])
    for resource in ("cpu_per_token", "cpu_per_request"):
        assert (found[resource].growth.value, found[resource].separable) == (None, False)
    assert found["memory"].separable


def test_an_interval_from_nothing_to_everything_is_no_estimate():
    """Rounds that put all of the CPU on the tokens, or nothing, say nothing."""

    def either(cell):
        cpu = cell.samples.cpu_ns
        began = np.searchsorted(np.sort(cell.streams.start), cell.samples.at) * (cpu[-1] / len(cell.streams))
        own = cpu if cell.repeat % 2 else began.astype(np.int64)
        return replace(cell, samples=replace(cell.samples, cpu_ns=own))

    found = by_resource(costs(change=either, cpu_us_per_request=0, cpu_ms_per_s=0)[REQUESTS])
    assert [found[resource].separable for resource in ("cpu_per_token", "cpu_per_request")] == [False, False]


def test_cpu_that_was_not_measured_is_no_cost():
    def unmeasured(cell):
        return replace(cell, samples=replace(cell.samples, cpu_ns=np.full(len(cell.samples), -1)))

    assert by_resource(costs(change=unmeasured)[REQUESTS]).keys() == {"memory", "threads", "switches"}


def test_finer_samples_of_cpu_are_preferred():
    def finer(cell):
        at = np.arange(cell.samples.at[0], cell.samples.at[-1], 10 * MS)
        came = np.searchsorted(np.sort(cell.arrivals.at[cell.arrivals.count > 0]), at)
        rows = (
            CpuSample(int(moment), int(count) * 70_000, None) for moment, count in zip(at, came, strict=True)
        )
        return replace(cell, cpu_samples=table_of(CpuSampleTable, rows))

    found = by_resource(costs(change=finer)[REQUESTS])
    assert found["cpu_per_token"].growth.value == pytest.approx(70, rel=0.01)


def test_a_fit_is_never_negative():
    rng = np.random.default_rng(1)
    x = rng.poisson([50, 5, 1], (200, 3)) * [1, 1, 0.02]
    assert fit(np.c_[x @ [40, 500, 3000], x]) == pytest.approx((40, 500, 3000))
    assert min(fit(np.c_[x @ [40, -500, 3000], x])) == 0


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
        found = effects.mean(line[1] * 1024 for line in rounds.lines(sweep, LINES[0].x, LINES[0].y))
        hits += found.low <= 50 * np.exp(0.05**2 / 2) <= found.high
    assert abs(hits / draws - 0.95) <= 4 * math.sqrt(0.95 * 0.05 / draws)  # four standard errors


def test_one_round_has_no_interval():
    memory = costs(repeats=1)[REQUESTS].costs[0].growth
    assert memory.value == pytest.approx(50, rel=0.05)
    assert (memory.low, memory.high) == (None, None)


def test_switches_are_not_fitted_over_tokens_per_second_that_do_not_grow_with_the_streams():
    """A server that is full gives the same tokens/s at every level; what is left is noise."""

    def found(full):
        made = [
            recording(
                client="requests", mode="threads", concurrency=n, repeat=repeat, index=3 * repeat + place,
                streams=2 * n + 4, tokens=20, jitter=0.1, voluntary_per_token=2 + 0.1 * repeat,
                **{"gap_ms": 5.0 * n, "ttft_ms": 20.0 * n} if full else {},
            )
            for repeat in range(3)
            for place, n in enumerate((1, 10, 100))
        ]  # fmt: skip
        held = run(".", made)
        return by_resource(argued.findings(held, summarise(held))[0]).keys()

    assert "switches" not in found(full=True)
    assert "switches" in found(full=False)
    assert {"memory", "threads"} <= found(full=True)


def test_a_line_that_falls_is_the_cost_of_nothing():
    def falling(cell):
        peak = 40_000 - 50 * cell.level.streams
        edges = tuple(replace(edge, rss_kib=peak, peak_rss_kib=peak) for edge in cell.edges)
        flat = np.full(len(cell.samples), peak)
        return replace(cell, edges=edges, samples=replace(cell.samples, rss_kib=flat, peak_rss_kib=flat))

    assert "memory" not in by_resource(costs(change=falling)[REQUESTS])


def test_an_a_a_control_is_no_client_of_its_own():
    assert costs(client="requests (A/A)") == {}
