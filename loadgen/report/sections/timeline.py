"""The token timeline: single streams on a common time axis, and when each of their tokens arrived."""

from __future__ import annotations

from typing import Any

from loadgen.report.sections.section import Section, View


class Timeline(Section):
    id = "timeline"
    title = "Token timeline"
    short = "Timeline"

    def context(self, view: View) -> dict[str, Any]:
        from loadgen.report.charts.timeline import timeline

        level = max(view.repeats, default=None)
        return {"level": level, "shown": timeline(view.repeats[level] if level else (), view.styles)}
