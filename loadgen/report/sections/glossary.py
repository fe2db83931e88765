"""How to read the report: its metrics, as the metric table describes them, and its other terms."""

from __future__ import annotations

from typing import Any

from loadgen.analysis.metrics import metrics
from loadgen.report.columns import title_of
from loadgen.report.sections.section import Section, View


class Glossary(Section):
    id = "glossary"
    title = "How to read this report"
    short = "How to read it"

    def context(self, view: View) -> dict[str, Any]:
        return {
            "metrics": [(title_of(metric), metric.description) for metric in metrics() if metric.tabled],
            "floor": any(client.name == "floor" for client in view.styles),
        }
