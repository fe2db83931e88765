"""The token timeline: single streams on a common time axis, and when each of their tokens arrived."""

from __future__ import annotations

from loadgen.report.page import at
from loadgen.report.sections.section import Page, Section, View


class Timeline(Section):
    id = "timeline"
    title = "Token timeline"
    short = "Timeline"

    def html(self, view: View, page: Page) -> str:
        from loadgen.report.charts.timeline import timeline

        level = max(view.repeats, default=None)
        shown = timeline(view.repeats[level] if level else (), view.styles)
        group = page.group(at(level) if level else "", shown.charts)
        return page.section(self.id, group=group, caption=shown.caption)
