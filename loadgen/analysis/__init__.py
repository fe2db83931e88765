"""From what a run left on disk to its figures and findings: pure functions. Tables of them, on pandas, are made by
:mod:`loadgen.analysis.frames`.

    >>> run = loadgen.store.load(folder)
    >>> summaries = summarise(run)
    >>> exit_verdict(summaries, findings(run, summaries))

The same run always gives the same results.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadgen.analysis import article, causes, claims, costs, noise, thresholds, trend, validity
from loadgen.analysis.summary import summarise
from loadgen.model import Run, Summary, TextFinding, Validity

__all__ = ["exit_verdict", "findings", "summarise"]


def findings(run: Run, summaries: Sequence[Summary]) -> list[TextFinding]:
    """The article's claims, what a further stream costs, the noise, why tokens came late; then what must not be
    believed, and the scenario's thresholds."""
    return [
        *claims.findings(summaries),
        *costs.findings(summaries),
        *noise.findings(summaries),
        *trend.findings(run, summaries),
        *causes.findings(run, summaries),
        *article.findings(run, summaries),
        *validity.findings(summaries),
        *thresholds.findings(run, summaries),
    ]


def exit_verdict(summaries: Sequence[Summary], findings: Sequence[TextFinding]) -> int:
    """The exit code: 0 done, 1 a threshold failed, 3 nothing was measured, or nothing that is not invalid."""
    if all(summary.validity is Validity.INVALID for summary in summaries):
        return 3
    failed = any(finding.kind == "threshold" and finding.verdict == "failed" for finding in findings)
    return 1 if failed else 0
