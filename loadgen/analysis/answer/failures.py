"""Say first that streams failed, and what was said of it most often."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from loadgen.analysis.answer.evidence import Evidence
from loadgen.analysis.keep_alive import races
from loadgen.analysis.measures import Measured
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
        silent += int((m.ok & (m.streams.text_events == 0)).sum())
        waited_ns += m.failure_wait_ns
        raced += int(races(m).sum())
        rows = m.streams.rows(m.failed)
        for outcome, status, error in zip(rows.outcome, rows.status.tolist(), rows.error, strict=True):
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
