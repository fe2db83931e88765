"""Single streams on a common time axis, and when each of their tokens, or reads, arrived."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.report.blocks import Charts, Heading, Text
from loadgen.report.columns import at
from loadgen.report.sections.section import Block, Form, Section, View


class Timeline(Section):
    id = "timeline"
    title = "Timeline"
    short = "Timeline"
    forms = frozenset({"html"})
    folded = True

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        from loadgen.report.charts.timeline import timeline

        level = max(view.repeats, default=None)
        shown = timeline(view.repeats[level] if level else (), view.styles)
        if level and shown.charts:
            yield Heading(at(level))
            yield Text(shown.caption)
            yield Charts(shown.charts, layout="many")
