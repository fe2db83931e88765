"""Why measurements are disturbed, incomplete or based on few values: notes on data quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loadgen.model import DriftFinding, Level, Summary, Validity
from loadgen.report import markdown
from loadgen.report.sections.section import Rendered, Screen, Section, View
from loadgen.report.sentences import sentences
from loadgen.report.sentences.validity import reason

SHOWN = 12  # reasons that the terminal lists in full
DRIFTS = 3
_Alike = Mapping[tuple[Level, Validity, tuple[str, ...]], Sequence[Summary]]


class Quality(Section):
    id = "quality"
    title = "Data quality"
    finding = DriftFinding

    def applies(self, view: View) -> bool:
        return bool(_alike(view)) or super().applies(view)

    def context(self, view: View) -> dict[str, Any]:
        return {"alike": _alike(view)}

    def terminal(self, view: View, screen: Screen) -> Rendered:
        found = [(*key[1:], _who(key[0], of)) for key, of in _alike(view).items()]
        found = [each for each in found if each[0] is not Validity.VALID]
        if sum(len(reasons) for _, reasons, _ in found) > SHOWN:
            yield screen.rows([(validity, f"{who}: {_first(reasons)}") for validity, reasons, who in found])
        elif found:
            yield screen.verdicts((validity, who, reasons) for validity, reasons, who in found)
        drifts = view.of(DriftFinding)
        for finding in drifts[:DRIFTS]:
            yield screen.text(f"Drift: {sentences(finding).statement}", "yellow")
        if len(drifts) > DRIFTS:
            yield screen.text(f"… and {len(drifts) - DRIFTS} more drifts in the report", "dim")

    def markdown(self, view: View) -> str:
        lines = [
            f"{_who(level, of)}: {validity}: {'; '.join(reasons)}"
            for (level, validity, reasons), of in _alike(view).items()
        ]
        return markdown.bullets([*lines, *(sentences(f).statement for f in view.of(DriftFinding))])


def _who(level: Level, summaries: Sequence[Summary]) -> str:
    return f"{', '.join(s.client.label for s in summaries)} at {level}"


def _first(reasons: Sequence[str]) -> str:
    return reasons[0] + (f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else "")


def _alike(view: View) -> _Alike:
    """Return the summaries that have reasons, those of one level with the same reasons together."""
    alike: dict[tuple[Level, Validity, tuple[str, ...]], list[Summary]] = {}
    for s in (s for s in view.by_level if s.reasons):
        alike.setdefault((s.level, s.validity, tuple(map(reason, s.reasons))), []).append(s)
    return alike
