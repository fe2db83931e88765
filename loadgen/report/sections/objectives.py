"""How many streams held the objectives of the scenario, and what the others missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loadgen.analysis.metrics import column
from loadgen.model import OBJECTIVES, Summary
from loadgen.report.blocks import Bullets, Cell, Charts, Column, Table, Text
from loadgen.report.columns import interval_text, value_text
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View, by_level
from loadgen.report.sentences.good import objective, objectives
from loadgen.report.text import joined, number

# column -> its heading, what stands above it, its priority in a narrow table
FIGURES = {
    "good_percent": ("%", "good", 0),
    "goodput_per_s": ("per s", "good", 1),
    "good_percent_n": ("judged", "", 2),
}
COUNTS = {
    **{f"missed_{name}": ("", "missed", 3) for name in OBJECTIVES},
    "single_gaps": ("by single gaps only", "missed", 6),
    "errors": ("failed", "", 4),
    "never_started": ("never started", "", 4),
    "not_judged": ("not judged", "left out", 5),
    "cut": ("cut", "left out", 5),
}


class Objectives(Section):
    id = "objectives"
    title = "Good streams"

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        found = [s for s in view.summaries if s.value("good") is not None]
        if not found:
            return
        yield from _definition(view, found)
        if form == "html":
            from loadgen.report.charts.scaling import goodput

            if charts := goodput(view):
                yield Charts(charts, "two")
        yield _table(view, found)


def _definition(view: View, found: Sequence[Summary]) -> Iterable[Block]:
    """Yield what a good stream is, by client where they differ."""
    slo = view.run.info.scenario.workload.slo
    clients: dict[str, list[str]] = {}
    for s in found:
        named = clients.setdefault(objectives(slo.of(s.client).limits), [])
        if not s.client.control and s.client.label not in named:
            named.append(s.client.label)
    if len(clients) == 1:
        text = _("A stream is good if it completes, with {objectives}.")
        yield Text(text.format(objectives=next(iter(clients))))
    else:
        yield Text(_("A stream is good if it completes within the objectives of its client:"))
        text = _("{clients}: {objectives}")
        yield Bullets([text.format(clients=joined(of), objectives=what) for what, of in clients.items()])


def _table(view: View, found: Sequence[Summary]) -> Table:
    """Return the figures and counts: of what is missed for each objective, of others where there are any."""
    counted = {
        name: head
        for name, head in COUNTS.items()
        if any(s.value(name) or (s.value(name) == 0 and not head[0]) for s in found)
    }

    def cells(s: Summary) -> list[Cell]:
        figures = [(column(name), s[name]) for name in FIGURES]
        return [
            *(Cell(value_text(of, found.value), interval_text(of, found)) for of, found in figures),
            *(_count(s, name) for name in counted),
        ]

    columns = []
    for name, (heading, above, priority) in (FIGURES | counted).items():
        text = _(heading) if heading else objective(name.removeprefix("missed_"))
        columns.append(Column(text, _(above), priority, tip=_(column(name).metric.description)))
    first, groups = by_level(view, cells)
    return Table([Column(first), *columns], groups)


def _count(summary: Summary, name: str) -> Cell:
    value = summary.value(name)
    return Cell(number(value), tone="bad" if name == "errors" and value else "")
