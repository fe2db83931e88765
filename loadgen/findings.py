"""Everything that follows from a run: the table of what makes findings.

    >>> summaries = analysis.summarise(run)
    >>> findings(run, summaries)

Each provider is a pure function of the run and its summaries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from loadgen import analysis, argument
from loadgen.model import Finding, Run, Summary

PROVIDERS: tuple[Callable[[Run, Sequence[Summary]], Sequence[Finding]], ...] = (
    argument.findings,
    analysis.findings,
)


def findings(run: Run, summaries: Sequence[Summary]) -> list[Finding]:
    """Return what every provider finds, in the order of the table."""
    return [finding for provider in PROVIDERS for finding in provider(run, summaries)]
