"""Refuse a rate that no engine on this machine can start, whatever the client."""

from __future__ import annotations

from typing import Final

from loadgen.engine.fastest import seconds_per_stream
from loadgen.model import Scenario
from loadgen.preflight.requirements import Refused

UNCHECKED_PER_S: Final = 1000.0  # what every machine starts


def require_rate(scenario: Scenario, engines: int) -> None:
    """Raise Refused for a rate at which the engine's own part of a stream leaves no time for any client."""
    rate = max(level.rate or 0.0 for level in scenario.levels)
    if rate <= UNCHECKED_PER_S:
        return
    seconds = seconds_per_stream(scenario.workload.protocol)
    if rate * seconds > engines:
        raise Refused(
            f"rate: {rate:,.0f} arrivals per second are more than this machine can start, whatever the client: "
            f"the engine's own part of a stream takes {seconds * 1e6:.0f} µs of a core (measured just now), "
            f"so {engines / seconds:,.0f} per second at most; a lower rate, or more engines on more cores "
            "(engines: N, or --workers)"
        )
