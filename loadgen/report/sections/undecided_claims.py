"""One line in place of the claims, where a run was not made to decide them: which scenario would."""

from __future__ import annotations

from loadgen.model import ClaimFinding
from loadgen.report.sections.section import Rendered, Screen, Section, View
from loadgen.report.sentences import claims


class UndecidedClaims(Section):
    id = "undecided_claims"
    title = "Sync against async clients"
    short = "Sync and async"
    template = '<p class="note">{{ line }}</p>'

    def applies(self, view: View) -> bool:
        return bool(_line(view))

    def context(self, view: View) -> dict[str, str]:
        return {"line": _line(view)}

    def terminal(self, view: View, screen: Screen) -> Rendered:
        yield screen.text(_line(view), "dim")


def _line(view: View) -> str:
    return next((claims.not_decided(f.shortfalls) for f in view.of(ClaimFinding) if f.shortfalls), "")
