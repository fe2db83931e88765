"""How much two runs of the same client differ: smaller differences are noise."""

from __future__ import annotations

from loadgen.analysis.metrics import column
from loadgen.model import NoiseFinding
from loadgen.report.page import FINDING
from loadgen.report.sections.section import Page, Rendered, Screen, Section, View
from loadgen.report.sentences import sentences
from loadgen.report.text import NOT_MEASURED, percent, plain


class Noise(Section):
    id = "noise"
    title = "Noise of this run"
    short = "Noise"

    def applies(self, view: View) -> bool:
        return bool(view.of(NoiseFinding))

    def html(self, view: View, page: Page) -> str:
        found = view.of(NoiseFinding)
        thresholds = [
            {each.metric: percent(each.threshold) for each in finding.thresholds} for finding in found
        ]
        return page.section(
            self.id,
            client=plain(found[0].client, 80),
            levels=[finding.level.label if finding.level else "" for finding in found],
            rows=[
                (column(metric).label, [of.get(metric, NOT_MEASURED) for of in thresholds])
                for metric in dict.fromkeys(metric for of in thresholds for metric in of)
            ],
        )

    def terminal(self, view: View, screen: Screen) -> Rendered:
        yield screen.text(sentences(view.of(NoiseFinding)[-1]).statement, "dim", limit=FINDING)
