"""Drift in English."""

from __future__ import annotations

from loadgen.analysis.metrics import column
from loadgen.model import DriftFinding
from loadgen.report.sentences import Sentences
from loadgen.report.text import number, percent, percents


def sentences(finding: DriftFinding) -> Sentences:
    """Return what changed, from when to when, and what it means."""
    metric, change = column(finding.metric), finding.change.value or 0.0
    changed = f"{metric.label} {'rose' if change > 0 else 'fell'}"
    if finding.repeat is not None:
        return Sentences(
            f"{finding.client} at {finding.level}, repeat {finding.repeat + 1}: {changed} from "
            f"{number(finding.before)} to {number(finding.after)} {metric.unit} between the first and the second half "
            "of its streams; it reached no steady state"
        )
    return Sentences(
        f"{changed} by {percent(abs(change))} from the first round to the last, over all clients; "
        "the machine or the server changed during the run",
        (f"change in %: {number(100 * change)} ({percents(finding.change.low, finding.change.high)})",),
    )
