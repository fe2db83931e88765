"""Report the main figures of the only client."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis.answer.evidence import Evidence, over_rounds
from loadgen.model import Measured

COLUMNS = ("ttft_p50_ms", "ttft_p95_ms", "itl_p99_ms", "tokens_per_s")


def measured(evidence: Evidence) -> Iterator[Measured]:
    """Yield the figures at the highest level, with their intervals over the rounds, where there is one client only."""
    if len(evidence.clients) != 1:
        return
    ((client, summary),) = evidence.at(evidence.levels[-1]).items()
    values = {c: over_rounds(summary, c) for c in COLUMNS if summary.value(c) is not None}
    if values:
        yield Measured(client=client, level=summary.level, values=values)
