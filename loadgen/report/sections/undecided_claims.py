"""One line in place of the claims, where a run was not made to decide them: which scenario would."""

from __future__ import annotations

from loadgen.model import ClaimFinding
from loadgen.report.sections.section import Page, Rendered, Screen, Section, View
from loadgen.report.sentences import claims as english


class UndecidedClaims(Section):
    id = "undecided_claims"
    title = "Sync against async clients"
    short = "Sync and async"

    def applies(self, view: View) -> bool:
        return bool(_line(view))

    def html(self, view: View, page: Page) -> str:
        return page.section(self.id, line=_line(view))

    def terminal(self, view: View, screen: Screen) -> Rendered:
        yield screen.text(_line(view), "dim")


def _line(view: View) -> str:
    shortfalls = [finding.shortfalls for finding in view.of(ClaimFinding)]
    return english.not_decided(shortfalls[0]) if shortfalls and shortfalls[0] else ""
