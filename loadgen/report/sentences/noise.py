"""The noise of a run in English."""

from __future__ import annotations

from loadgen.analysis.metrics import column
from loadgen.model import NoiseFinding
from loadgen.report.sentences import Sentences
from loadgen.report.text import number, percent, percents


def sentences(finding: NoiseFinding) -> Sentences:
    """Return how much a client, measured twice, differs from itself; of every metric in the details."""
    found = [(column(each.metric), percent(each.threshold), each.difference) for each in finding.thresholds]
    primary = [each for each in found if each[0].primary] or found
    return Sentences(
        f"{finding.client} at {finding.level}, measured twice, differs from itself by up to: "
        + ", ".join(f"{of.label} {threshold}" for of, threshold, _ in primary),
        tuple(
            f"{of.label}: differences below {threshold} are noise; measured "
            f"{number(100 * (measured.value or 0.0))} % ({percents(measured.low, measured.high)})"
            for of, threshold, measured in found
        ),
    )
