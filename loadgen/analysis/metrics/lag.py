"""Delivery lag: what the client adds to every token's latency."""

from __future__ import annotations

from loadgen.analysis import measures
from loadgen.analysis.measures import Measured, Times
from loadgen.analysis.metrics import PerToken, metric


@metric(
    PerToken, label="lag", topic="latency", kind="latency", percentiles=(50, 99), intervals=(99,), count=True,
    compared=(99, 50), drawn=(50, 99), live=(50, 90, 99), tabled=(50, 99), short={50: 10, 99: 2},
    headline={99: (5, "client adds (ms, p99)", "to receive")},
)  # fmt: skip
def lag(m: Measured) -> Times | None:
    """Delivery lag of each token: its arrival minus the server's own send time. Empty if the server writes no times,
    runs on another host, or a clock was set meanwhile.
    """
    return m.lags() if m.recording.same_host else None


@metric(PerToken, label="relative lag", topic="latency", kind="latency", percentiles=(50, 99))
def relative_lag(m: Measured) -> Times | None:
    """Delivery lag above the smallest of the same stream; needs no clock in common with the server."""
    lags = m.lags()
    return lags and Times(measures.relative(lags), lags.owner)
