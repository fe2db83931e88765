"""What an additional stream, a token and a request cost a client."""

from __future__ import annotations

from collections.abc import Mapping

from loadgen.model import Cost, CostFinding, Resource
from loadgen.report.sentences import Sentences
from loadgen.report.text import with_interval

COSTS: Mapping[Resource, tuple[str, str]] = {  # what a resource is called, and what it is the cost of
    "memory": ("KiB of memory", "additional stream"),
    "threads": ("threads", "additional stream"),
    "cpu_per_token": ("µs of CPU", "token"),
    "switches": ("context switches", "token"),
    "cpu_per_request": ("µs of CPU", "request"),
}
INSEPARABLE = "the CPU per token and per request cannot be told apart"


def sentences(finding: CostFinding) -> Sentences:
    """Return what the client's streams, tokens and requests cost, and at which levels."""
    parts: dict[str, list[str]] = {}
    for cost in finding.costs:
        if cost.separable:
            parts.setdefault(COSTS[cost.resource][1], []).append(_cost(cost))
    lines = [f"each {what} costs {' and '.join(costs)}" for what, costs in parts.items()]
    if not all(cost.separable for cost in finding.costs):
        lines.append(INSEPARABLE)
    several = finding.lowest != finding.highest
    where = f"from {finding.lowest} to {finding.highest}" if several else f"at {finding.lowest}"
    return Sentences(f"{finding.client}, {where}: {'; '.join(lines)}")


def _cost(cost: Cost) -> str:
    growth = cost.growth
    return f"{with_interval(growth.value, growth.low, growth.high)} {COSTS[cost.resource][0]}"
