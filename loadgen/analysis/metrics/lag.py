"""Delivery lag: what client, and the way to it, add to every token's latency."""

from __future__ import annotations

from loadgen.analysis.measures import Measured, Times
from loadgen.analysis.metrics import PerToken, Repeats, Scalar, metric
from loadgen.analysis.metrics.usage import largest
from loadgen.model import Trust


@metric(
    PerToken, label="lag", topic="latency", kind="latency", percentiles=(50, 99), intervals=(99,), count=True,
    compared=(99, 50), drawn=(50, 99), live=(50, 90, 99), tabled=(50, 99), short={50: 110, 99: 20},
    headline={99: (5, "added (ms, p99)", "to receive")},
)  # fmt: skip
def lag(m: Measured) -> Times | None:
    """Delivery lag of each token: its arrival minus the server's own send time, by our clock. Empty if the server's
    stamps or its clock do not allow it, such as on another host.
    """
    return m.lags()


@metric(PerToken, label="relative lag", topic="latency", kind="latency", percentiles=(50, 99))
def relative_lag(m: Measured) -> Times | None:
    """Delivery lag above the smallest of the same stream; needs no clock in common with the server."""
    return m.relative_lags()


@metric(Scalar, label="lag error", topic="latency")
def lag_error_ms(repeats: Repeats) -> float | None:
    """By how much the delivery lag can be wrong, since the server's clock is known only within bounds. Empty where
    there is no lag, and for the simulator, which reads the same clock.
    """
    known = (m.server_clock for m in repeats.parts if m.server_clock.trust is Trust.ABSOLUTE)
    error = largest(round(of.error_ns) for of in known if of.error_ns is not None)
    return None if error is None else error / 1e6
