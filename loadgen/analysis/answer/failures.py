"""Say first that streams failed, and what was said of it most often."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

from loadgen.analysis.answer.evidence import Evidence
from loadgen.analysis.measures import Flags, Measured, present
from loadgen.model import Failure, Failures, Outcome, Recording


def failures(evidence: Evidence) -> Iterator[Failures]:
    """Yield how many of all streams failed, or carried no output; nothing where none did."""
    found = failed(evidence.run.recordings)
    if found.failed or found.silent:
        yield found


def failed(recordings: Iterable[Recording]) -> Failures:
    """Return how many streams failed, the warm-up included; streams stopped by the load did not."""
    texts: defaultdict[tuple[str, int | None], Counter[str]] = defaultdict(Counter)
    streams = raced = silent = waited_ns = 0
    for recording in recordings:
        m = Measured(recording)
        streams += len(m.streams)
        silent += int(m.silent.sum())
        if not m.failed.any():  # the other columns need not be read
            continue
        waited_ns += m.failure_wait_ns
        raced += int(races(m).sum())
        columns = (m.outcome, m.streams.status, m.streams.error)
        rows = zip(*(column[m.failed].tolist() for column in columns), strict=True)
        for outcome, status, error in rows:
            texts[outcome, int(status) if outcome == Outcome.HTTP_STATUS else None][error] += 1
    causes = [
        Failure(outcome=outcome, status=status, streams=said.total(), text=said.most_common(1)[0][0])
        for (outcome, status), said in texts.items()
    ]
    causes.sort(key=lambda cause: -cause.streams)
    return Failures(
        failed=sum(cause.streams for cause in causes),
        streams=streams,
        causes=tuple(causes),
        raced=raced,
        silent=silent,
        waited_s=waited_ns / 1e9,
    )


def races(m: Measured) -> Flags:
    """Return which streams a server cut off by closing an idle connection while their request was on its way.

    Their course tells it from another end: they ended before the first byte of an answer, and sooner than any answer
    came; an answer before had left a connection open; none that started before the first answer ended so; and the
    server answered others afterwards.
    """
    of, ok = m.streams, m.ok
    early = np.isin(m.outcome, [Outcome.TRUNCATED, Outcome.RESET]) & (of.headers < 0) & (of.bytes == 0)
    if not early.any() or not ok.any() or m.recording.workload.connections == "new":
        return np.zeros(len(of), dtype=bool)
    early &= of.end - of.start < present(m.headers_wait[ok]).min(initial=np.iinfo(np.int64).max)
    reused: Flags = of.start >= of.end[ok].min()
    raced: Flags = early & reused & (of.end < of.start[ok].max())
    return raced if not (early & ~reused).any() else np.zeros_like(raced)
