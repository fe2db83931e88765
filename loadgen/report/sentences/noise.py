"""The noise of a run in English."""

from __future__ import annotations

from loadgen.analysis.metrics import column
from loadgen.model import NoiseFinding
from loadgen.report.columns import label, where
from loadgen.report.language import _
from loadgen.report.sentences import Sentences
from loadgen.report.text import joined, number, percent, percents


def sentences(finding: NoiseFinding) -> Sentences:
    """Return how much a client, measured twice, differs from itself; of every metric in the details."""
    found = [(column(each.metric), percent(each.threshold), each.difference) for each in finding.thresholds]
    primary = [each for each in found if each[0].primary] or found
    statement = _("{where}, measured twice, differs from itself by up to: {metrics}").format(
        where=where(finding.client, finding.level),
        metrics=joined(f"{label(of)} {threshold}" for of, threshold, _measured in primary),
    )
    text = _("{metric}: differences below {threshold} are noise; measured {difference} % ({interval})")
    details = (
        text.format(
            metric=label(of),
            threshold=threshold,
            difference=number(100 * (measured.value or 0.0)),
            interval=percents(measured.low, measured.high),
        )
        for of, threshold, measured in found
    )
    return Sentences(statement, tuple(details))
