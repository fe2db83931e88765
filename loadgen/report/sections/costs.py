"""What each additional stream, token and request costs a client, apart from the fixed part."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.model import CostFinding, Estimate
from loadgen.report.blocks import Cell, Column, Table, Text
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View
from loadgen.report.sentences import costs as english
from loadgen.report.text import interval, joined, number

RESOURCES = {  # its title, the units of its growth and of its fixed part
    "memory": ("Memory", "KiB per stream", "fixed, MiB"),
    "threads": ("Threads", "per stream", "fixed"),
    "cpu_per_token": ("CPU", "µs per token", "fixed, ms/s"),
    "cpu_per_request": ("CPU", "µs per request", ""),
    "switches": ("Context switches", "per token", "fixed, per s"),
}


class Costs(Section):
    id = "costs"
    title = "Cost of an additional stream, token and request"
    short = "Costs"
    forms = frozenset({"html", "terminal"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        found = view.of(CostFinding)
        if not found:
            return
        page = form == "html"
        columns = [Column(_("client"))]
        for title, growth, fixed in RESOURCES.values():
            columns.append(Column(_(growth), _(title)))
            if page and fixed:
                columns.append(Column(_(fixed), _(title)))
        rows = []
        for finding in found:
            estimates: dict[str, tuple[Estimate, Estimate]] = {
                cost.resource: (cost.growth, cost.fixed) for cost in finding.costs
            }
            cells = [Cell(finding.client.label, client=finding.client)]
            for resource, (*_title, fixed) in RESOURCES.items():
                pair = estimates.get(resource, (Estimate(), Estimate()))
                cells += map(_cell, pair if page and fixed else pair[:1])
            rows.append(cells)
        yield Table(columns, {"": rows})
        inseparable = [f.client.label for f in found if not all(cost.separable for cost in f.costs)]
        if inseparable:
            yield Text(
                _("{clients}: {what} in this run").format(
                    clients=joined(inseparable), what=_(english.INSEPARABLE)
                ),
                "quiet",
            )
        if page:
            yield Text(
                _(
                    "Memory and threads are slopes over the streams, context switches over the tokens per second, of "
                    "straight lines through the levels of each round. CPU time is fitted to the tokens that arrived, "
                    "the requests that started and the seconds that passed in each 20 ms of the measured windows, by "
                    "non-negative least squares over all levels of a round; its fixed part is that per second. The "
                    "small numbers are 95 % intervals over the rounds, where there are several."
                )
            )


def _cell(estimate: Estimate) -> Cell:
    return Cell(number(estimate.value), interval(estimate.low, estimate.high))
