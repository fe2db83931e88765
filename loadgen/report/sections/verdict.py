"""Whether the run can be used: how many measurements are valid, which thresholds failed, whether it ended early."""

from __future__ import annotations

from collections import Counter
from typing import Any

from loadgen.model import Run, ThresholdFinding, Validity
from loadgen.report.sections.section import Rendered, Screen, Section, View

_STATES = {"interrupted": "was interrupted", "failed": "failed", "running": "never ended"}


class Verdict(Section):
    id = "verdict"

    def context(self, view: View) -> dict[str, Any]:
        counts = Counter(s.validity for s in view.summaries)
        verdicts = [finding.verdict for finding in view.of(ThresholdFinding)]
        return {
            "validity": {validity.value: counts[validity] for validity in Validity},
            "thresholds": len(verdicts),
            "failed": verdicts.count("failed"),
            "unfinished": _unfinished(view.run),
        }

    def terminal(self, view: View, screen: Screen) -> Rendered:
        if text := _unfinished(view.run):
            yield screen.text(text, "yellow")

    def markdown(self, view: View) -> str:
        return _unfinished(view.run)


def _unfinished(run: Run) -> str:
    """Return why the run is not complete, and how much of it was measured; empty where it is complete."""
    state = _STATES.get(run.info.state)
    if state is None:
        return ""
    measured = len({r.index for r in run.recordings})
    cells = f"The run {state}: {measured} of {len(run.info.cells)} cells were measured"
    return f"{cells} ({run.info.failure})" if run.info.failure else cells
