"""Pure functions from a run on disk to its metrics and findings.

    >>> run = loadgen.store.load(folder)
    >>> summaries = summarise(run)
    >>> exit_verdict(summaries, loadgen.findings.findings(run, summaries))

The same run always gives the same results.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadgen.analysis.summary import summarise
from loadgen.analysis.validity import target_gone
from loadgen.exit_code import ExitCode
from loadgen.model import Finding, Summary, ThresholdFinding, Validity

__all__ = ["exit_verdict", "summarise"]


def exit_verdict(summaries: Sequence[Summary], findings: Sequence[Finding]) -> ExitCode:
    """Return DONE, FAILED (a threshold), or NOT_MEASURED: every row is invalid, or the target died."""
    if all(summary.validity is Validity.INVALID for summary in summaries) or target_gone(summaries):
        return ExitCode.NOT_MEASURED
    thresholds = (finding for finding in findings if isinstance(finding, ThresholdFinding))
    return ExitCode.FAILED if any(f.verdict == "failed" for f in thresholds) else ExitCode.DONE
