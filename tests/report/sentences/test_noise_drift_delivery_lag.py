"""Findings about noise, drift and delivery lag in English: every figure with its unit, and percent of shares."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadgen.model import (
    Cause,
    ClientId,
    ClockFinding,
    Delay,
    DelayFinding,
    DriftFinding,
    Estimate,
    Finding,
    Level,
    NoiseFinding,
    NoiseThreshold,
)
from loadgen.report.sentences import delivery_lag, sentences

CLIENT, LEVEL = ClientId("aiohttp"), Level(streams=10)
NOISE = NoiseFinding(
    client=CLIENT,
    level=LEVEL,
    thresholds=(
        NoiseThreshold(metric="ttft_p50_ms", threshold=0.021, difference=Estimate(0.004, -0.01, 0.018)),
        NoiseThreshold(metric="lag_p99_ms", threshold=0.3, difference=Estimate(-0.1, -0.2, 0.05)),
    ),
)
WITHIN = DriftFinding(
    client=CLIENT,
    level=LEVEL,
    metric="ttft_p50_ms",
    change=Estimate(0.5),
    repeat=0,
    before=300.0,
    after=450.0,
)
ACROSS = DriftFinding(metric="cpu_us_per_token", change=Estimate(-0.4, -0.5, -0.3, 5))
LAG = DelayFinding(
    client=CLIENT,
    level=LEVEL,
    late=3,
    tokens=600,
    budget_ms=3.0,
    delays=(
        Delay(cause=Cause.BUSY, share=2 / 3, delay_share=0.4, median_ms=30.0, max_ms=31.0),
        Delay(cause=Cause.UNEXPLAINED, share=1 / 3, delay_share=0.6, median_ms=90.0, max_ms=90.0),
    ),
)
CLOCK = ClockFinding(
    client=CLIENT, level=LEVEL, verdict="absolute", fault=None, unit_ms=0.001, low_ms=40.1, high_ms=40.5, ours=False,
    error_ms=0.2, streams=60, odd=2, faults=("backwards",),
)  # fmt: skip
NO_CLOCK = replace(CLOCK, verdict="none", fault="coarse", unit_ms=1000.0)
LOOSE = replace(CLOCK, verdict="relative", fault="loose", low_ms=-0.3, high_ms=3 * 3_600_000.0, odd=0)


@pytest.mark.parametrize(
    ("finding", "figures"),
    [
        (NOISE, ["aiohttp at 10 streams", "TTFT p50 2.1 %"]),
        (WITHIN, ["aiohttp at 10 streams, repeat 1", "TTFT p50 rose", "300 to 450 ms"]),
        (ACROSS, ["CPU per token fell by 40 %"]),
        (CLOCK, ["40.3 ms ahead of ours", "± 0.200 ms", "2 of 60 streams"]),
        (NO_CLOCK, ["No delivery lag", "1,000 ms"]),
        (LOOSE, ["relative", "0.300 ms behind ours", "3.00 h ahead of ours"]),
        (LAG, ["3 of 600 tokens (0.5 %)", "3 ms late", "67 % event loop or GIL busy, 33 % unexplained"]),
    ],
    ids=["noise", "within a cell", "across rounds", "clock", "no clock", "loose", "delivery lag"],
)
def test_a_statement_has_its_values(finding: Finding, figures: list[str]) -> None:
    found = sentences(finding)
    statement = "; ".join([found.statement, *found.details])
    assert all(figure in statement for figure in figures), statement


def test_the_noise_of_a_metric_that_does_not_decide_is_a_detail() -> None:
    found = sentences(NOISE)
    assert "lag" not in found.statement
    assert [line.partition(":")[0] for line in found.details] == ["TTFT p50", "lag p99"]


def test_every_cause_has_its_words() -> None:
    assert delivery_lag.CAUSES.keys() == delivery_lag.SHORT.keys() == set(Cause)
