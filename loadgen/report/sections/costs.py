"""What each additional stream, token and request costs a client, apart from the fixed part."""

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
    "cpu_per_token": ("CPU of tokens", "µs per token", "fixed, ms/s", "µs/token"),
    "cpu_per_request": ("CPU of requests", "µs per request", "", "µs/request"),
    "switches": ("Context switches", "per token", "fixed, per s", "switches"),
}
LABEL = 40


class Costs(Section):
    id = "costs"
    title = "Cost of an additional stream, token and request"
    short = "Costs"
    finding = CostFinding

    def context(self, view: View) -> dict[str, Any]:
        return {"kinds": RESOURCES, "estimates": _estimates, "inseparable": _inseparable(view)}

    def terminal(self, view: View, screen: Screen) -> Rendered:
        head = ["", *(column for *_, column in RESOURCES.values())]
        for intervals in (True, False):
            rows = [head]
            for finding in view.of(CostFinding):
                growths = [growth for growth, _ in _estimates(finding).values()]
                cells = [
                    with_interval(e.value, *((e.low, e.high) if intervals else (None, None))) for e in growths
                ]
                rows.append([plain(finding.client.label, LABEL), *cells])
            if width_of(rows) <= screen.width:
                break
        yield screen.rows(rows)
        if line := _inseparable(view):
            yield screen.text(line, "dim")


def _estimates(finding: CostFinding) -> dict[str, tuple[Estimate, Estimate]]:
    """Return the growth and the fixed part of each resource; empty estimates where there is none."""
    found: dict[str, tuple[Estimate, Estimate]] = {c.resource: (c.growth, c.fixed) for c in finding.costs}
    return {resource: found.get(resource, (Estimate(), Estimate())) for resource in RESOURCES}


def _inseparable(view: View) -> str:
    """Return of which clients the CPU per token and per request have no estimate."""
    clients = [f.client.label for f in view.of(CostFinding) if not all(cost.separable for cost in f.costs)]
    return f"{', '.join(clients)}: {english.INSEPARABLE} in this run" if clients else ""
