"""What the client processes used over time, and how many streams were open."""

from __future__ import annotations

from typing import Any

from loadgen.report.sections.section import Section, View


class Usage(Section):
    id = "usage"
    title = "Usage over time"
    short = "Usage"

    def context(self, view: View) -> dict[str, Any]:
        from loadgen.report.charts.usage import usage

        groups = [(level, usage(of, view.styles)) for level, of in view.repeats.items()]
        return {"groups": [(level, charts) for level, charts in groups if charts]}
