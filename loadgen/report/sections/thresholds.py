"""Which thresholds of the scenario held, and what each measurement had."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from loadgen.model import ThresholdFinding
from loadgen.report import markdown
from loadgen.report.page import FINDING
from loadgen.report.sections.section import Section
from loadgen.report.sentences import sentences
from loadgen.report.text import plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from loadgen.report.page import Page
    from loadgen.report.screen import Screen
    from loadgen.report.view import View


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

    def terminal(self, view: View, screen: Screen) -> Iterable[RenderableType]:
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
