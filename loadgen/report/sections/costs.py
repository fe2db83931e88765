"""What each additional stream, token and request costs a client, apart from the fixed part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loadgen.model import Cost, CostFinding, Estimate, ExtrapolationFinding
from loadgen.report.blocks import Cell, Column, Heading, Table, Text
from loadgen.report.columns import at, level_text
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
        if not found or not view.has_tokens:
            return
        page = form == "html"
        columns = [Column(_("client"))]
        rows = [[Cell(finding.client.label, client=finding.client)] for finding in found]
        by: list[dict[str, Cost]] = [{cost.resource: cost for cost in f.costs} for f in found]
        for resource, (title, growth, fixed) in RESOURCES.items():
            costs = [of.get(resource) for of in by]
            growths = [cost.growth if cost else Estimate() for cost in costs]
            if all(estimate.value is None for estimate in growths):
                continue
            shown = [(growth, growths)]
            if page and fixed:
                shown.append((fixed, [cost.fixed if cost else Estimate() for cost in costs]))
            for heading, estimates in shown:
                columns.append(Column(_(heading), _(title)))
                for row, estimate in zip(rows, estimates, strict=True):
                    row.append(_cell(estimate))
        if len(columns) > 1:
            yield Table(columns, {"": rows})
        inseparable = [f.client.label for f in found if not all(cost.separable for cost in f.costs)]
        if inseparable:
            yield Text(
                _("{clients}: {what} in this run").format(
                    clients=joined(inseparable), what=_(english.INSEPARABLE)
                ),
                "quiet",
            )
        if page and len(columns) > 1:
            yield Text(
                _(
                    "Memory and threads are slopes over the streams, context switches over the tokens per second, of "
                    "straight lines through the levels of each round; without the latter where the tokens per second "
                    "do not grow by half. CPU time is fitted to the tokens that arrived, "
                    "the requests that started and the seconds that passed in each 20 ms of the measured windows, by "
                    "non-negative least squares over all levels of a round; its fixed part is that per second. The "
                    "small numbers are 95 % intervals over the rounds, where there are several."
                ),
                "quiet",
            )
        if page:
            yield from _extrapolated(view.of(ExtrapolationFinding))


def _extrapolated(found: Sequence[ExtrapolationFinding]) -> Iterable[Block]:
    """Yield what more streams than were measured would cost, a row per client."""
    if not found:
        return
    levels = sorted({one.level for one in found})
    by = {(one.client, one.level): one for one in found}
    columns = [Column(_("client"))]
    for level in levels:
        columns += [Column(name, at(level)) for name in (_("memory, MiB"), _("threads"), _("CPU cores"))]
    rows = []
    for client in dict.fromkeys(one.client for one in found):
        cells = [Cell(client.label, client=client)]
        for level in levels:
            one = by.get((client, level))
            estimates = (one.memory_mib, one.threads, one.cores) if one else (Estimate(),) * 3
            cells += [Cell(_amount(of.value), _half(of)) for of in estimates]
        rows.append(cells)
    yield Heading(_("Extrapolated, not measured"))
    yield Table(columns, {"": rows})
    text = _(
        "Straight lines continued from at most {level}, where nothing but the server limits more streams; CPU at the "
        "pace of each stream there. One Python process hardly uses more than one core: more cores need more processes. "
        "± is half of the 95 % interval over the rounds; it says nothing of whether the lines go on straight."
    )
    yield Text(text.format(level=level_text(max(one.measured for one in found))), "quiet")


def _amount(value: float | None) -> str:
    """Return the number, a whole one without digits after the point."""
    return number(round(value) if value is not None and abs(value - round(value)) < 0.005 else value)


def _half(of: Estimate) -> str:
    return "" if of.low is None or of.high is None else f"±{number((of.high - of.low) / 2)}"


def _cell(estimate: Estimate) -> Cell:
    return Cell(number(estimate.value), interval(estimate.low, estimate.high, estimate.value))
