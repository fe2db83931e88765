"""The claims about sync and async clients, each with its verdict and the figures that decide it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.table import Table

from loadgen.argument.claims import ENOUGH
from loadgen.model import TextFinding
from loadgen.report.charts.forest import STATEMENT, figures, pictures, says
from loadgen.report.sections.section import Section
from loadgen.report.text import figure, interval, plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from loadgen.model import Effect
    from loadgen.report.page import Page
    from loadgen.report.screen import Screen
    from loadgen.report.view import View

UNCOUNTED = "Not counted: "
SAID = {"holds": "holds", "contradicts": "against", "spans": "open", "alone": "once"}
_WEIGHT = ("contradicts", "spans", "alone", "holds")  # those that decide against a claim are shown first
_ASIDE = re.compile(r" \([^)]*\)| at [\d,]+ streams?$")


class Claims(Section):
    id = "claims"
    title = "The claims, held against this run"
    short = "Claims"

    def applies(self, view: View) -> bool:
        return bool(_of(view))

    def html(self, view: View, page: Page) -> str:
        return page.section(self.id, claims=_claims(view), uncounted=_uncounted(view))

    def terminal(self, view: View, screen: Screen) -> Iterable[RenderableType]:
        found = _of(view)
        if not any(finding.effects for finding in found):
            yield screen.text(
                f"none of the {len(found)} about sync and async clients can be judged by this run", "dim"
            )
            return
        missing: set[str] = set()
        for finding in found:
            statement = Table.grid(padding=(0, 2, 0, 0))
            statement.add_column(no_wrap=True, min_width=9)
            statement.add_column()
            statement.add_row(screen.word(finding.verdict), screen.text(finding.statement))
            yield statement
            rows = [_deciding(title, group) for title, group in figures(finding.effects)]
            yield screen.rows([row for row in rows if row])
            said = [
                line.removeprefix("Undecided: ")
                for line in finding.evidence
                if line.startswith(("Undecided: ", "Clients differ "))
            ]
            new = [line for line in said if line not in missing]
            missing.update(new)
            if new:
                yield Padding(screen.text("; ".join(new), "dim"), (0, 0, 0, 2))


def _of(view: View) -> list[TextFinding]:
    return [finding for finding in view.of(TextFinding) if finding.kind == "claim"]


def _claims(view: View) -> list[dict[str, Any]]:
    return [
        {
            "verdict": plain(finding.verdict),
            "statement": plain(finding.statement, STATEMENT),
            "pictures": list(pictures(finding.effects)),
            "evidence": [
                plain(line, STATEMENT) for line in finding.evidence if not line.startswith(UNCOUNTED)
            ],
        }
        for finding in _of(view)
    ]


def _uncounted(view: View) -> list[str]:
    """Return what was left out of the claims, each once."""
    lines = (line for finding in _of(view) for line in finding.evidence)
    left = (line.removeprefix(UNCOUNTED) for line in lines if line.startswith(UNCOUNTED))
    return [plain(line, STATEMENT) for line in dict.fromkeys(left)]


def _deciding(title: str, group: Sequence[tuple[str, Effect]]) -> tuple[str, ...]:
    deciding = [(label, effect) for label, effect in group if effect.line is not None]
    if not deciding:
        return ()
    one_does = all(effect.note == ENOUGH for _, effect in deciding)
    decides = max if one_does else min
    label, effect = decides(deciding, key=lambda one: (_WEIGHT.index(says(one[1])), _clear(one[1])))
    others = f" +{len(deciding) - 1}" if len(deciding) > 1 else ""
    between = interval(effect.low, effect.high)
    return (
        "noise" if effect.note.startswith("within the noise") else SAID[says(effect)],
        figure(effect.value) + (f" ({between})" if between else ""),
        f"{'>' if effect.above else '<'} {effect.line:g}{' %' if effect.unit == '%' else ''}",
        f"{label}{others}: {_ASIDE.sub('', title)}",
    )


def _clear(effect: Effect) -> float:
    """Return how far beyond the line, towards the claim, the nearer end of the interval is."""
    end = effect.low if effect.above else effect.high
    nearest = effect.value if end is None else end
    if nearest is None or effect.line is None:
        return 0.0
    return nearest - effect.line if effect.above else effect.line - nearest
