"""Single streams on a common time axis: when each of their tokens arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadgen.report.page import at
from loadgen.report.sections.section import Section

if TYPE_CHECKING:
    from loadgen.report.page import Page
    from loadgen.report.view import View


class Streams(Section):
    id = "streams"
    title = "Token arrivals of single streams"
    short = "Streams"

    def html(self, view: View, page: Page) -> str:
        from loadgen.report.charts.rows import picture

        highest = max(view.recordings, default=None)
        shown = picture(view.recordings[highest] if highest else (), view.styles)
        title = at(highest) if highest else ""
        return page.section(self.id, group=page.group(title, shown.charts), caption=shown.caption)
