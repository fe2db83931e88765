"""Latency and cost of every client: over the levels, or side by side where there is one."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.report.blocks import Block, Charts, Details, Heading, Text
from loadgen.report.language import _
from loadgen.report.sections.section import Form, Section, View
from loadgen.report.text import flowing


class Scaling(Section):
    id = "scaling"
    title = "Latency and cost per client"
    short = "Charts"
    forms = frozenset({"html"})

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        from loadgen.report.charts.scaling import costs, latencies, pair

        first = pair(view)
        if not first:
            return
        yield Charts(first, "two")
        shown = latencies(view.summaries, view.styles), costs(view.summaries, view.styles)
        notes = [
            _("Thin vertical lines are 95 % intervals; they are omitted without enough values.")
            if view.sweeps
            else _("Two marks are p50 and p99; their values are beside them."),
            _("Axes are logarithmic where the values span more than one and a half decades."),
        ]
        more: list[Block] = [Charts(shown[0], key=True), Heading(_("Client cost")), Charts(shown[1])]
        yield Details(_("More charts"), [*more, Text(flowing(notes), "quiet")])
