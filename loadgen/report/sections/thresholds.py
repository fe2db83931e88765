"""Which thresholds of the scenario held, and what each measurement had."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from loadgen.report.page import FINDING
from loadgen.report.sections.section import Section
from loadgen.report.sentences import sentences
from loadgen.report.text import plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from loadgen.model import Finding
    from loadgen.report.page import Page
    from loadgen.report.screen import Screen
    from loadgen.report.view import View

SHOWN = 3  # measurements that held and are listed one by one


class Thresholds(Section):
    id = "thresholds"
    title = "Thresholds"

    def applies(self, view: View) -> bool:
        return bool(_of(view))

    def html(self, view: View, page: Page) -> str:
        return page.section(
            self.id,
            thresholds=[
                {
                    "verdict": finding.verdict,
                    "sentence": plain(sentences(finding).statement, FINDING),
                    "details": [plain(line, FINDING) for line in broken(sentences(finding).details)],
                }
                for finding in _of(view)
            ],
        )

    def terminal(self, view: View, screen: Screen) -> Iterable[RenderableType]:
        yield screen.verdicts(
            (
                finding.verdict,
                [
                    screen.text(sentences(finding).statement),
                    *(screen.text(line, "dim") for line in broken(sentences(finding).details)),
                ],
            )
            for finding in _of(view)
        )


def _of(view: View) -> list[Finding]:
    return [finding for finding in view.findings if finding.kind == "threshold"]


def broken(judged: Sequence[str]) -> tuple[str, ...]:
    """Return what did not hold; what did is only counted where it is much."""
    found = tuple(line for line in judged if not line.endswith(", held"))
    held = len(judged) - len(found)
    return (*found, f"{held} others held" if found else f"all {held} held") if held > SHOWN else tuple(judged)
