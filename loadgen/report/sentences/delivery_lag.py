"""Where delivery lag came from, in English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from loadgen.model import Cause, DelayFinding
from loadgen.report.sentences import Sentences
from loadgen.report.text import percent

CAUSES: Mapping[Cause, str] = {
    Cause.SERVER: "server sent late",
    Cause.CONNECT: "waiting for a connection",
    Cause.GC: "garbage collection",
    Cause.CPU: "waiting for CPU",
    Cause.BUSY: "event loop or GIL busy",
    Cause.COALESCED: "read together with later tokens",
    Cause.UNEXPLAINED: "unexplained",
}
SHORT: Mapping[Cause, str] = {  # heads of columns
    **CAUSES,
    Cause.SERVER: "server",
    Cause.CONNECT: "connect",
    Cause.GC: "GC",
    Cause.BUSY: "loop or GIL busy",
    Cause.COALESCED: "coalesced",
}


def sentences(finding: DelayFinding) -> Sentences:
    """Return how many tokens were late and why; how late in the details."""
    return Sentences(
        f"{finding.client} at {finding.level}: {late(finding)} were more than {finding.budget_ms:g} ms late: "
        f"{causes(finding)}",
        tuple(
            f"{CAUSES[delay.cause]}: {percent(delay.delay_share)} of the total delay, "
            f"median {delay.median_ms:,.1f} ms, max {delay.max_ms:,.1f} ms"
            for delay in finding.delays
        ),
    )


def late(finding: DelayFinding) -> str:
    """Return ``3 of 600 tokens (0.5 %)``."""
    return f"{finding.late:,} of {finding.tokens:,} tokens ({percent(finding.late / finding.tokens)})"


def causes(finding: DelayFinding) -> str:
    """Return the causes with their shares of the late tokens, the most frequent first."""
    return ", ".join(f"{percent(delay.share)} {CAUSES[delay.cause]}" for delay in finding.delays)


def used(findings: Iterable[DelayFinding]) -> list[Cause]:
    """Return the causes that the findings name, in their usual order."""
    named = {delay.cause for finding in findings for delay in finding.delays}
    return [cause for cause in Cause if cause in named]
