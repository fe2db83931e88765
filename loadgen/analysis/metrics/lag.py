"""Delivery lag: the client's share of every token's latency."""

from __future__ import annotations

from loadgen.analysis.measures import Measured, Tokens, relative
from loadgen.analysis.metrics.metric import Metric, PerToken


def _lag(measured: Measured) -> Tokens | None:
    return measured.lags() if measured.recording.same_host else None


def _relative_lag(measured: Measured) -> Tokens | None:
    lags = measured.lags()
    return None if lags is None else Tokens(relative(lags), lags.owner)


LAG = Metric(
    key="lag",
    label="lag",
    description="Delivery lag of each token: its arrival less the server's own send time. Empty where the server "
    "writes no times, runs on another host, or a clock was set meanwhile.",
    formula=PerToken(_lag),
    topic="latency",
    percentiles=(50, 99),
    kind="latency",
    intervals=(99,),
    count=True,
    compared=(99, 50),
    drawn=(50, 99),
    live=(50, 90, 99),
    tabled=(50, 99),
    short={50: 10, 99: 2},
)

RELATIVE_LAG = Metric(
    key="relative_lag",
    label="relative lag",
    description="Delivery lag above the least of the same stream; needs no clock in common with the server.",
    formula=PerToken(_relative_lag),
    topic="latency",
    percentiles=(50, 99),
    kind="latency",
)
