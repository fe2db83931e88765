"""Say how many requests waited at the server, by its own metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from loadgen.analysis import watched
from loadgen.analysis.answer.evidence import Evidence
from loadgen.model import Waiting, WatchedFinding


def waits(evidence: Evidence) -> Iterator[Waiting]:
    """Yield it at the highest level at which the server was read often enough, over its clients."""
    seen = [
        of
        for of in watched.findings(evidence.run, evidence.summaries)
        if isinstance(of, WatchedFinding) and of.waiting is not None and of.readings >= watched.MIN_READINGS
    ]
    top = max((of.level for of in seen if of.level is not None), default=None)
    of_top = [of for of in seen if of.level == top]
    if top is None:
        return
    readings = sum(of.readings for of in of_top)
    waiting = sum((of.waiting or 0.0) * of.readings for of in of_top) / readings
    found = [of.running for of in of_top if of.running is not None]
    running = sum(found) / len(found) if found else None
    peaks = [s.value("served_peak") for s in evidence.at(top).values()]
    served = max((peak for peak in peaks if peak is not None), default=None)
    yield Waiting(
        level=top, running=running, waiting=waiting, served=served, verdict=_verdict(running, waiting, served)
    )


def _verdict(
    running: float | None, waiting: float, served: float | None
) -> Literal["", "agrees", "contradicts"]:
    """Return whether as many ran as are served at once; only where others waited: a server that is idle at times says
    nothing of that.
    """
    if running is None or served is None or waiting < watched.LEAST:
        return ""
    near = abs(running - served) <= max(watched.LEAST, watched.DIFFERS * served)
    return "agrees" if near else "contradicts"
