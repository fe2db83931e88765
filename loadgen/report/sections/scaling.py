"""The main metrics over the levels, a line per client; side by side where there is one level."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.report.blocks import Charts, Heading, Text
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View


class Scaling(Section):
    id = "scaling"
    title = "Scaling with concurrency"
    short = "Scaling"
    forms = frozenset({"html"})

    def heading(self, view: View) -> str:
        return self.title if view.sweeps else "The clients compared"

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        from loadgen.report.charts.scaling import costs, latencies

        shown = latencies(view.summaries, view.styles), costs(view.summaries, view.styles)
        if not any(shown):
            return
        yield Charts(shown[0], key=True)
        yield Heading(_("Client cost"))
        yield Charts(shown[1])
        yield Text(
            _("Thin vertical lines are 95 % intervals; they are omitted without enough values.")
            if view.sweeps
            else _("Two marks are p50 and p99; their values are beside them.")
        )
        yield Text(_("Axes are logarithmic where the values span more than one and a half decades."))
