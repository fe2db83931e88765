"""The main metrics over the levels, a line per client; side by side where there is one level."""

from __future__ import annotations

from typing import Any

from loadgen.report.sections.section import Section, View


class Scaling(Section):
    id = "scaling"
    title = "Scaling with concurrency"
    short = "Scaling"

    def heading(self, view: View) -> str:
        return self.title if view.sweeps else "The clients compared"

    def context(self, view: View) -> dict[str, Any]:
        from loadgen.report.charts.scaling import costs, latencies

        of = view.summaries, view.styles
        return {"latencies": latencies(*of), "costs": costs(*of)}
