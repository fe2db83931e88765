"""How TTFT and ITL are distributed at each level: every percentile of every client."""

from __future__ import annotations

from collections.abc import Iterable

from loadgen.report.blocks import Charts, Heading, Text
from loadgen.report.columns import at
from loadgen.report.language import _
from loadgen.report.sections.section import Block, Form, Section, View


class Distributions(Section):
    id = "distributions"
    title = "Distributions"
    forms = frozenset({"html"})
    folded = True

    def blocks(self, view: View, form: Form) -> Iterable[Block]:
        from loadgen.report.charts.distributions import distributions

        groups = [(level, distributions(of, view.styles)) for level, of in view.repeats.items()]
        groups = [(level, charts) for level, charts in groups if charts]
        if groups:
            yield Text(
                _(
                    "Percentiles (upward) over time (across): the further left a line, the faster the client. Each "
                    "further nine of the upward axis has the same height, so that the tail can be seen."
                )
            )
        for place, (level, charts) in enumerate(groups):
            yield Heading(at(level))
            yield Charts(charts, key=not place)
