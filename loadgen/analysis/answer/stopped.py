"""Say which cells a rule of the scenario ended before their time, and why."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis.answer.evidence import Evidence
from loadgen.model import StoppedEarly


def stopped(evidence: Evidence) -> Iterator[StoppedEarly]:
    """Yield, for each level and rule, how many of its cells were ended by it, and the earliest moment."""
    cells = [repeat.recording for repeat in evidence.repeats]
    marks = [(each, each.stopped) for each in cells if each.stopped]
    for why, level in sorted({(mark.why, each.level) for each, mark in marks}):
        own = [(each, mark) for each, mark in marks if (mark.why, each.level) == (why, level)]
        yield StoppedEarly(
            why=why,
            level=level,
            clients=tuple(dict.fromkeys(each.client for each, _ in own)),
            stopped=len(own),
            cells=sum(each.level == level for each in cells),
            since_s=min(mark.since_s for _, mark in own),
            at_s=min(mark.at_s for _, mark in own),
        )
