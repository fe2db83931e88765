"""Findings in English: the only place where sentences are made of them, one file for each kind.

Terminal, HTML and Markdown print the same sentences. A new kind is one file and one line in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from loadgen.model import (
    ArticleFinding,
    ClaimFinding,
    CostFinding,
    DelayFinding,
    DriftFinding,
    Finding,
    NoiseFinding,
    ThresholdFinding,
    ValidityFinding,
)
from loadgen.report.sentences import (
    article,
    claims,
    costs,
    delivery_lag,
    drift,
    noise,
    thresholds,
    validity,
)
from loadgen.report.sentences.base import Sentences

TABLE: Mapping[type[Finding], Callable[[Any], Sentences]] = {
    ClaimFinding: claims.sentences,
    CostFinding: costs.sentences,
    ArticleFinding: article.sentences,
    NoiseFinding: noise.sentences,
    DriftFinding: drift.sentences,
    DelayFinding: delivery_lag.sentences,
    ThresholdFinding: thresholds.sentences,
    ValidityFinding: validity.sentences,
}


def sentences(finding: Finding) -> Sentences:
    """Return the finding in English."""
    return TABLE[type(finding)](finding)


__all__ = ["Sentences", "sentences"]
