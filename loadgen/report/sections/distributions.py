"""How TTFT and ITL are distributed at each level: every percentile of every client."""

from __future__ import annotations

from typing import Any

from loadgen.report.sections.section import Section, View


class Distributions(Section):
    id = "distributions"
    title = "Distributions"

    def context(self, view: View) -> dict[str, Any]:
        from loadgen.report.charts.distributions import distributions

        groups = [(level, distributions(of, view.styles)) for level, of in view.repeats.items()]
        return {"groups": [(level, charts) for level, charts in groups if charts]}
