"""The main metrics over the levels, a line per client; side by side where there is one level."""

from __future__ import annotations

from loadgen.report.sections.section import Page, Section, View


class Scaling(Section):
    id = "scaling"
    title = "Scaling with concurrency"
    short = "Scaling"

    def heading(self, view: View) -> str:
        return self.title if view.sweeps else "The clients compared"

    def html(self, view: View, page: Page) -> str:
        from loadgen.report.charts.scaling import costs, latencies

        return page.section(
            self.id,
            curves=view.sweeps,
            latencies=page.group("", latencies(view.summaries, view.styles)),
            costs=page.group("", costs(view.summaries, view.styles)),
        )
