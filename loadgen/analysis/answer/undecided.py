"""Say what cannot be told, and what would decide it."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis.answer.evidence import Evidence, is_alike, is_different
from loadgen.analysis.changes import MAX_REPEATS
from loadgen.model import Undecided

COLUMNS = ("ttft_p50_ms", "tokens_per_s", "cpu_us_per_token", "rss_per_stream_kib")


def undecided(evidence: Evidence) -> Iterator[Undecided]:
    """Yield the main metrics in which some clients are neither alike nor different with certainty, at the top level."""
    if len(evidence.clients) < 2 or not evidence.levels:
        return
    level = evidence.levels[-1]
    metrics, open_changes = [], []
    for column in COLUMNS:
        changes = list(evidence.differences.get((level, column), {}).values())
        if any(map(is_different, changes)):
            continue
        if unclear := [change for change in changes if not is_alike(change)]:
            metrics.append(column)
            open_changes += unclear
    if not metrics:
        return
    bounded = [c for c in open_changes if c.low is not None and c.high is not None and c.relative]
    widest = max(bounded, key=lambda c: (c.high or 0.0) - (c.low or 0.0), default=None)
    more = max(change.more_repeats for change in open_changes)
    yield Undecided(
        level=level,
        metrics=tuple(metrics),
        low=widest.low if widest else None,
        high=widest.high if widest else None,
        more_repeats=None if not more or more >= MAX_REPEATS else more,
    )
