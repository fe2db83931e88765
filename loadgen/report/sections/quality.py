"""Why measurements are disturbed, incomplete or based on few values: notes on data quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loadgen.model import DriftFinding, Level, Summary, Validity
from loadgen.report import markdown
from loadgen.report.page import FINDING, at
from loadgen.report.sections.section import Page, Rendered, Screen, Section, View
from loadgen.report.sentences import sentences
from loadgen.report.sentences.validity import reason
from loadgen.report.text import plain

SHOWN = 12  # reasons that the terminal lists in full
DRIFTS = 3
_Alike = Mapping[tuple[Level, Validity, tuple[str, ...]], Sequence[Summary]]


class Quality(Section):
    id = "quality"
    title = "Data quality"

    def applies(self, view: View) -> bool:
        return bool(_alike(view) or view.of(DriftFinding))

    def html(self, view: View, page: Page) -> str:
        entries = [
            {
                "validity": validity.value,
                "who": ", ".join(view.styles[s.client].label for s in of),
                "at": at(level),
                "reasons": [plain(line, FINDING) for line in reasons],
            }
            for (level, validity, reasons), of in _alike(view).items()
        ]
        return page.section(
            self.id,
            entries=entries,
            drifts=[plain(sentences(f).statement, FINDING) for f in view.of(DriftFinding)],
        )

    def terminal(self, view: View, screen: Screen) -> Rendered:
        found = {key: of for key, of in _alike(view).items() if key[1] is not Validity.VALID}
        short = sum(len(reasons) for _, _, reasons in found) > SHOWN
        rows = []
        for (level, validity, reasons), of in found.items():
            who = f"{', '.join(s.client.label for s in of)} at {level}"
            if short:
                more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
                line = screen.text(f"{who}: {reasons[0]}{more}")
                line.no_wrap, line.overflow = True, "crop"
                rows.append((validity, [line]))
            else:
                lines = [screen.text(line, "dim") for line in reasons]
                rows.append((validity, [screen.text(who), *lines]))
        if rows:
            yield screen.verdicts(rows)
        drifts = view.of(DriftFinding)
        for finding in drifts[:DRIFTS]:
            yield screen.text(f"Drift: {sentences(finding).statement}", "yellow")
        if len(drifts) > DRIFTS:
            yield screen.text(f"… and {len(drifts) - DRIFTS} more drifts in the report", "dim")

    def markdown(self, view: View) -> str:
        lines = [
            f"{', '.join(s.client.label for s in of)} at {level}: {validity}: {'; '.join(reasons)}"
            for (level, validity, reasons), of in _alike(view).items()
        ]
        return markdown.bullets([*lines, *(sentences(f).statement for f in view.of(DriftFinding))])


def _alike(view: View) -> _Alike:
    """Return the summaries that have reasons, those of one level with the same reasons together."""
    alike: dict[tuple[Level, Validity, tuple[str, ...]], list[Summary]] = {}
    for level, of in view.levels.items():
        for s in of:
            if s.reasons:
                alike.setdefault((level, s.validity, tuple(map(reason, s.reasons))), []).append(s)
    return alike
