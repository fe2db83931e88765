"""What each additional stream and token costs a client, apart from the fixed part."""

from __future__ import annotations

from typing import Any

from loadgen.model import CostFinding, Estimate
from loadgen.report.screen import width_of
from loadgen.report.sections.section import Rendered, Screen, Section, View
from loadgen.report.sentences import costs as english
from loadgen.report.text import plain, with_interval

RESOURCES = {  # its title, the units of its growth and of its fixed part, its column in the terminal
    "memory": ("Memory", "KiB per stream", "fixed, MiB", "KiB"),
    "threads": ("Threads", "per stream", "fixed", "threads"),
    "cpu": ("CPU", "µs per token", "fixed, ms/s", "µs CPU/token"),
    "switches": ("Context switches", "per token", "fixed, per s", "switches/token"),
}
LABEL = 40


class Costs(Section):
    id = "costs"
    title = "Cost of an additional stream"
    short = "Costs"
    finding = CostFinding

    def context(self, view: View) -> dict[str, Any]:
        return {"kinds": RESOURCES.values(), "estimates": _estimates}

    def terminal(self, view: View, screen: Screen) -> Rendered:
        head = ["", *(column for *_, column in RESOURCES.values())]
        for intervals in (True, False):
            rows = [head]
            for finding in view.of(CostFinding):
                growths = [growth for growth, _ in _estimates(finding)]
                cells = [
                    with_interval(e.value, *((e.low, e.high) if intervals else (None, None))) for e in growths
                ]
                rows.append([plain(finding.client.label, LABEL), *cells])
            if width_of(rows) <= screen.width:
                break
        yield screen.rows(rows)


def _estimates(finding: CostFinding) -> list[tuple[Estimate, Estimate]]:
    """Return the growth and the fixed part of each resource; empty estimates where it was not measured."""
    found = {cost.resource: (cost.growth, cost.fixed) for cost in finding.costs}
    return [found.get(resource, (Estimate(), Estimate())) for resource in english.NAMES]
