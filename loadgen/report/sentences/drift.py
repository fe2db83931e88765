"""Drift in English."""

from __future__ import annotations

from loadgen.analysis.metrics import column
from loadgen.model import DriftFinding
from loadgen.report.sentences.base import Sentences
from loadgen.report.text import interval, number, percent


def sentences(finding: DriftFinding) -> Sentences:
    """Return what changed, from when to when, and what it means."""
    metric, change = column(finding.metric), finding.change.value or 0.0
    verb = "rose" if change > 0 else "fell"
    if finding.repeat is not None:
        return Sentences(
            f"{finding.client} at {finding.level}, repeat {finding.repeat + 1}: {metric.label} {verb} from "
            f"{number(finding.before)} to {number(finding.after)} {metric.unit} between the first and the second half "
            "of its streams; it reached no steady state"
        )
    low, high = (
        None if bound is None else 100 * bound for bound in (finding.change.low, finding.change.high)
    )
    return Sentences(
        f"{metric.label} {verb} by {percent(abs(change))} from the first round to the last, over all clients; "
        "the machine or the server changed during the run",
        (f"change in %: {number(100 * change)} ({interval(low, high)})",),
    )
