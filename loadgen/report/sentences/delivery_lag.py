"""Where delivery lag came from, in English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from loadgen.model import Cause, DelayFinding
from loadgen.report.columns import where
from loadgen.report.language import _
from loadgen.report.sentences import Sentences
from loadgen.report.text import joined, percent

CAUSES: Mapping[Cause, str] = {
    Cause.SERVER: "server sent late",
    Cause.CONNECT: "waiting for a connection",
    Cause.UNRECEIVED: "before the server had the request",
    Cause.STOPPED: "client process stopped",
    Cause.THROTTLED: "throttled by a CPU quota",
    Cause.GC: "garbage collection",
    Cause.CPU: "waiting for CPU",
    Cause.BUSY: "event loop or GIL busy",
    Cause.COALESCED: "read together with later tokens",
    Cause.OPENING: "opening the connection",
    Cause.UNEXPLAINED: "unexplained",
}
SHORT: Mapping[Cause, str] = {  # heads of columns
    **CAUSES,
    Cause.SERVER: "server",
    Cause.CONNECT: "connect",
    Cause.UNRECEIVED: "on its way",
    Cause.STOPPED: "stopped",
    Cause.THROTTLED: "throttled",
    Cause.GC: "GC",
    Cause.BUSY: "loop or GIL busy",
    Cause.COALESCED: "coalesced",
    Cause.OPENING: "opening",
}


def sentences(finding: DelayFinding) -> Sentences:
    """Return how many tokens were late and why; how late in the details."""
    statement = _("{where}: {late} were more than {budget} ms late: {causes}").format(
        where=where(finding.client, finding.level),
        late=late(finding),
        budget=f"{finding.budget_ms:g}",
        causes=causes(finding),
    )
    text = _("{cause}: {share} of the total delay, median {median} ms, max {max} ms")
    details = (
        text.format(
            cause=_(CAUSES[delay.cause]),
            share=percent(delay.delay_share),
            median=f"{delay.median_ms:,.1f}",
            max=f"{delay.max_ms:,.1f}",
        )
        for delay in finding.delays
    )
    return Sentences(statement, tuple(details))


def late(finding: DelayFinding) -> str:
    """Return ``3 of 600 tokens (0.5 %)``."""
    return _("{late} of {tokens} tokens ({share})").format(
        late=f"{finding.late:,}",
        tokens=f"{finding.tokens:,}",
        share=percent(finding.late / finding.tokens),
    )


def causes(finding: DelayFinding) -> str:
    """Return the causes with their shares of the late tokens, the most frequent first."""
    return joined(f"{percent(delay.share)} {_(CAUSES[delay.cause])}" for delay in finding.delays)


def used(findings: Iterable[DelayFinding]) -> list[Cause]:
    """Return the causes that the findings name, in their usual order."""
    named = {delay.cause for finding in findings for delay in finding.delays}
    return [cause for cause in Cause if cause in named]
