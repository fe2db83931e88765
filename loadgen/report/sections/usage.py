"""What the client processes used over time, and how many streams were open."""

from __future__ import annotations

from loadgen.report.page import at
from loadgen.report.sections.section import Page, Section, View


class Usage(Section):
    id = "usage"
    title = "Usage over time"
    short = "Usage"

    def html(self, view: View, page: Page) -> str:
        from loadgen.report.charts.usage import usage

        groups = [page.group(at(level), usage(of, view.styles)) for level, of in view.repeats.items()]
        return page.section(
            self.id, groups=[group for group in groups if group.charts], distributed=view.distributed
        )
