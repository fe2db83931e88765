"""What the client processes used over time, and how many streams were open."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.report.blocks import Charts, Heading, Text
from loadgen.report.columns import at
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View


class Usage(Section):
    id = "usage"
    title = "Usage over time"
    short = "Usage"
    forms = frozenset({"html"})
    folded = True

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        from loadgen.report.charts.usage import usage

        groups = [(level, usage(of, view.styles)) for level, of in view.repeats.items()]
        groups = [(level, charts) for level, charts in groups if charts]
        if groups:
            yield Text(
                _(
                    "Streams in flight, and what the client’s process used, sampled from outside the process. A line "
                    "is one cell."
                )
            )
        if groups and view.distributed:
            yield Text(_("The workers of a cell are added up, each from its own start."))
        elif groups and any(recording.engine for recording in view.run.recordings):
            yield Text(_("The engines of a cell are added up."))
        for place, (level, charts) in enumerate(groups):
            yield Heading(at(level))
            yield Charts(charts, key=not place)
