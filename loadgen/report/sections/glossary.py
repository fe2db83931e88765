"""How to read the report: its metrics, as the metric table describes them, and its other terms."""

from __future__ import annotations

from loadgen.analysis.metrics import metrics
from loadgen.report.columns import title_of
from loadgen.report.sections.section import Page, Section, View


class Glossary(Section):
    id = "glossary"
    title = "How to read this report"
    short = "How to read it"

    def html(self, view: View, page: Page) -> str:
        shown = [(title_of(metric), metric.description) for metric in metrics() if metric.tabled]
        floor = any(client.name == "floor" for client in view.styles)
        return page.section(self.id, metrics=shown, distributed=view.distributed, floor=floor)
