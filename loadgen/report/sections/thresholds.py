"""Which thresholds of the scenario held, and what each measurement had."""

from __future__ import annotations

from loadgen.model import ThresholdFinding
from loadgen.report import markdown
from loadgen.report.page import FINDING
from loadgen.report.sections.section import Page, Rendered, Screen, Section, View
from loadgen.report.sentences import sentences
from loadgen.report.text import plain


class Thresholds(Section):
    id = "thresholds"
    title = "Thresholds"

    def applies(self, view: View) -> bool:
        return bool(view.of(ThresholdFinding))

    def html(self, view: View, page: Page) -> str:
        return page.section(
            self.id,
            thresholds=[
                {
                    "verdict": finding.verdict,
                    "sentence": plain(sentences(finding).statement, FINDING),
                    "details": [plain(line, FINDING) for line in sentences(finding).details],
                }
                for finding in view.of(ThresholdFinding)
            ],
        )

    def terminal(self, view: View, screen: Screen) -> Rendered:
        yield screen.verdicts(
            (
                finding.verdict,
                [
                    screen.text(sentences(finding).statement),
                    *(screen.text(line, "dim") for line in sentences(finding).details),
                ],
            )
            for finding in view.of(ThresholdFinding)
        )

    def markdown(self, view: View) -> str:
        found = view.of(ThresholdFinding)
        return markdown.bullets(f"{f.verdict}: {sentences(f).statement}" for f in found)
