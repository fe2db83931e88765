"""How much two runs of the same client differ: smaller differences are noise."""

from __future__ import annotations

from typing import Any

from loadgen.analysis.metrics import column
from loadgen.model import NoiseFinding
from loadgen.report.sections.section import Rendered, Screen, Section, View
from loadgen.report.sentences import sentences
from loadgen.report.text import NOT_MEASURED, percent


class Noise(Section):
    id = "noise"
    title = "Noise of this run"
    short = "Noise"
    finding = NoiseFinding

    def context(self, view: View) -> dict[str, Any]:
        found = [
            {column(each.metric).label: percent(each.threshold) for each in finding.thresholds}
            for finding in view.of(NoiseFinding)
        ]
        names = dict.fromkeys(name for of in found for name in of)
        return {"rows": [(name, [of.get(name, NOT_MEASURED) for of in found]) for name in names]}

    def terminal(self, view: View, screen: Screen) -> Rendered:
        yield screen.text(sentences(view.of(NoiseFinding)[-1]).statement, "dim")
