"""Whether the run can be used: how many measurements are valid, which thresholds failed, whether it ended early."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from loadgen.model import ThresholdFinding, Validity
from loadgen.report.page import TEXT
from loadgen.report.sections.section import Page, Rendered, Screen, Section, View
from loadgen.report.text import plain

if TYPE_CHECKING:
    from loadgen.model import Run

_STATES = {"interrupted": "was interrupted", "failed": "failed", "running": "never ended"}


class Verdict(Section):
    id = "verdict"

    def html(self, view: View, page: Page) -> str:
        counted = Counter(s.validity for s in view.summaries)
        thresholds = view.of(ThresholdFinding)
        return page.section(
            self.id,
            validity={validity.value: counted[validity] for validity in Validity},
            thresholds=len(thresholds),
            failed=sum(finding.verdict == "failed" for finding in thresholds),
            unfinished=plain(unfinished(view.run), TEXT),
        )

    def terminal(self, view: View, screen: Screen) -> Rendered:
        if text := unfinished(view.run):
            yield screen.text(text, "yellow")

    def markdown(self, view: View) -> str:
        return unfinished(view.run)


def unfinished(run: Run) -> str:
    """Return why the run is not complete, and how much of it was measured; empty where it is complete."""
    state = _STATES.get(run.info.state)
    if state is None:
        return ""
    measured = len({r.index for r in run.recordings})
    cells = f"The run {state}: {measured} of {len(run.info.cells)} cells were measured"
    return f"{cells} ({run.info.failure})" if run.info.failure else cells
