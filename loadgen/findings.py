"""Everything that follows from a run: the table of what makes findings.

    >>> summaries = analysis.summarise(run)
    >>> findings(run, summaries)

Each provider is a pure function of the run and its summaries.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadgen import registry
from loadgen.model import Finding, Run, Summary

PROVIDERS = (
    "loadgen.analysis.answer:findings",
    "loadgen.argument.study:findings",
    "loadgen.argument.claims:findings",
    "loadgen.argument.costs:findings",
    "loadgen.argument.extrapolation:findings",
    "loadgen.argument.article:findings",
    "loadgen.analysis.noise:findings",
    "loadgen.analysis.drift:findings",
    "loadgen.analysis.time_parts:findings",
    "loadgen.analysis.delivery_lag:findings",
    "loadgen.analysis.server_clocks:findings",
    "loadgen.analysis.validity:findings",
    "loadgen.analysis.limits:findings",
    "loadgen.analysis.neighbours:findings",
    "loadgen.analysis.prediction:findings",
    "loadgen.analysis.remeasured:findings",
    "loadgen.analysis.watched:findings",
    "loadgen.analysis.server_changes:findings",
    "loadgen.analysis.prompt_cache:findings",
    "loadgen.analysis.thresholds:findings",
)


def findings(run: Run, summaries: Sequence[Summary]) -> list[Finding]:
    """Return what every provider finds, in the order of the table."""
    made = (found for path in PROVIDERS for found in registry.load(path, "", path)(run, summaries))
    return [*made, *run.left_out]
