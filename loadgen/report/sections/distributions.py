"""How TTFT and ITL are distributed at each level: every percentile of every client."""

from __future__ import annotations

from loadgen.report.page import at
from loadgen.report.sections.section import Page, Section, View


class Distributions(Section):
    id = "distributions"
    title = "Distributions"

    def html(self, view: View, page: Page) -> str:
        from loadgen.report.charts.distributions import distributions

        groups = [page.group(at(level), distributions(of, view.styles)) for level, of in view.repeats.items()]
        return page.section(self.id, groups=[group for group in groups if group.charts])
