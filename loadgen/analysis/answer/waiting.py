"""Say how many requests waited at the server, by its own metrics."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis import watched
from loadgen.analysis.answer.evidence import Evidence
from loadgen.model import Waiting, WatchedFinding


def waiting(evidence: Evidence) -> Iterator[Waiting]:
    """Yield it at the highest level at which the server was looked at often enough, over its clients."""
    found = [
        of
        for of in watched.findings(evidence.run, evidence.summaries)
        if isinstance(of, WatchedFinding) and of.waiting is not None and of.looks >= watched.MIN_LOOKS
    ]
    top = max((of.level for of in found if of.level is not None), default=None)
    of_top = [of for of in found if of.level == top]
    if top is not None:
        looks = sum(of.looks for of in of_top)
        running = [of.running for of in of_top if of.running is not None]
        yield Waiting(
            level=top,
            running=sum(running) / len(running) if running else None,
            waiting=sum((of.waiting or 0.0) * of.looks for of in of_top) / looks,
        )
