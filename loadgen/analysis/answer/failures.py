"""Say first that streams failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from loadgen.analysis.answer.evidence import Evidence
from loadgen.analysis.measures import Measured
from loadgen.model import Failures, Outcome, Recording


def failures(evidence: Evidence) -> Iterator[Failures]:
    """Yield how many of all streams failed, or carried no output; nothing where none did."""
    found = failed(evidence.run.recordings)
    if found.failed or found.silent:
        yield found


def failed(recordings: Iterable[Recording]) -> Failures:
    """Return how many streams failed, the warm-up included; streams stopped by the load did not."""
    causes: Counter[tuple[str, int | None]] = Counter()
    streams = silent = waited_ns = 0
    for recording in recordings:
        table = recording.streams
        streams += len(table)
        waited_ns += Measured(recording).failure_wait_ns
        silent += int(((table.outcome == Outcome.OK.value) & (table.text_events == 0)).sum())
        rows = table.rows(~np.isin(table.outcome, [Outcome.OK.value, Outcome.STOPPED.value]))
        for outcome, status in zip(rows.outcome.tolist(), rows.status.tolist(), strict=True):
            causes[outcome, int(status) if outcome == Outcome.HTTP_STATUS else None] += 1
    return Failures(
        failed=causes.total(),
        streams=streams,
        causes=tuple((*cause, n) for cause, n in causes.most_common()),
        silent=silent,
        waited_s=waited_ns / 1e9,
    )
