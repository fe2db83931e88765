"""The noise of a run in English."""

from __future__ import annotations

from loadgen.analysis.metrics import column
from loadgen.model import NoiseFinding, NoiseThreshold
from loadgen.report.sentences.base import Sentences
from loadgen.report.text import interval, number, percent


def sentences(finding: NoiseFinding) -> Sentences:
    """Return how much a client, measured twice, differs from itself; of every metric in the details."""
    primary = [each for each in finding.thresholds if column(each.metric).primary] or finding.thresholds
    return Sentences(
        f"{finding.client} at {finding.level}, measured twice, differs from itself by up to: "
        + ", ".join(f"{_label(each)} {percent(each.threshold)}" for each in primary),
        tuple(_detail(each) for each in finding.thresholds),
    )


def _detail(each: NoiseThreshold) -> str:
    found = each.difference
    low, high = (None if bound is None else 100 * bound for bound in (found.low, found.high))
    return (
        f"{_label(each)}: differences below {percent(each.threshold)} are noise; measured "
        f"{number(100 * (found.value or 0.0))} % ({interval(low, high)})"
    )


def _label(each: NoiseThreshold) -> str:
    return column(each.metric).label
