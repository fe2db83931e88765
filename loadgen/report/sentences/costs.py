"""What an additional stream and an additional token cost a client."""

from __future__ import annotations

from collections.abc import Mapping

from loadgen.model import Cost, CostFinding, Resource
from loadgen.report.sentences import Sentences
from loadgen.report.text import with_interval

NAMES: Mapping[Resource, str] = {
    "memory": "KiB of memory",
    "threads": "threads",
    "cpu": "µs of CPU",
    "switches": "context switches",
}
PER: Mapping[str, tuple[Resource, ...]] = {"stream": ("memory", "threads"), "token": ("cpu", "switches")}


def sentences(finding: CostFinding) -> Sentences:
    """Return what the client's streams and tokens cost, and between which levels."""
    by_resource = {cost.resource: cost for cost in finding.costs}
    parts = [
        f"each additional {what} costs {' and '.join(costs)}"
        for what, resources in PER.items()
        if (costs := [_cost(by_resource[name]) for name in resources if name in by_resource])
    ]
    return Sentences(f"{finding.client}, from {finding.lowest} to {finding.highest}: {'; '.join(parts)}")


def _cost(cost: Cost) -> str:
    growth = cost.growth
    return f"{with_interval(growth.value, growth.low, growth.high)} {NAMES[cost.resource]}"
