"""Say first that streams failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from loadgen.analysis.answer.evidence import Evidence
from loadgen.model import Failures, Outcome


def failures(evidence: Evidence) -> Iterator[Failures]:
    """Yield how many of all streams failed, the warm-up included; streams stopped by the load did not."""
    causes: Counter[tuple[str, int | None]] = Counter()
    streams = 0
    for recording in evidence.run.recordings:
        table = recording.streams
        streams += len(table)
        for outcome, status in zip(table.outcome.tolist(), table.status.tolist(), strict=True):
            if outcome not in (Outcome.OK, Outcome.STOPPED):
                causes[outcome, int(status) if outcome == Outcome.HTTP_STATUS else None] += 1
    if causes:
        found = tuple((*cause, n) for cause, n in causes.most_common())
        yield Failures(failed=causes.total(), streams=streams, causes=found)
