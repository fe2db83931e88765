"""What an additional stream, a token and a request cost a client."""

from __future__ import annotations

from collections.abc import Mapping

from loadgen.model import Cost, CostFinding, Resource
from loadgen.report.columns import level_text
from loadgen.report.language import _
from loadgen.report.sentences import Sentences
from loadgen.report.text import clauses, with_interval

COSTS: Mapping[Resource, tuple[str, str]] = {  # so much of a resource, and what costs it
    "memory": ("{value} KiB of memory", "each additional stream costs {costs}"),
    "threads": ("{value} threads", "each additional stream costs {costs}"),
    "cpu_per_token": ("{value} µs of CPU", "each token costs {costs}"),
    "switches": ("{value} context switches", "each token costs {costs}"),
    "cpu_per_request": ("{value} µs of CPU", "each request costs {costs}"),
}
INSEPARABLE = "the CPU per token and per request cannot be separated"


def sentences(finding: CostFinding) -> Sentences:
    """Return what the client's streams, tokens and requests cost, and at which levels."""
    parts: dict[str, list[str]] = {}
    for cost in finding.costs:
        if cost.separable:
            parts.setdefault(COSTS[cost.resource][1], []).append(_cost(cost))
    lines = [_(text).format(costs=_(" and ").join(costs)) for text, costs in parts.items()]
    if not all(cost.separable for cost in finding.costs):
        lines.append(_(INSEPARABLE))
    if finding.lowest == finding.highest:
        text = _("{clients}, at {lowest}: {costs}")
    else:
        text = _("{clients}, from {lowest} to {highest}: {costs}")
    lowest, highest = level_text(finding.lowest), level_text(finding.highest)
    return Sentences(
        text.format(clients=finding.client, lowest=lowest, highest=highest, costs=clauses(lines))
    )


def _cost(cost: Cost) -> str:
    growth = cost.growth
    value = with_interval(growth.value, growth.low, growth.high)
    return _(COSTS[cost.resource][0]).format(value=value)
