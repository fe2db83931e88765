"""Report the main figures of the only client at the only level."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis.answer.evidence import Evidence, over_rounds
from loadgen.model import Measured

COLUMNS = ("ttft_p50_ms", "ttft_p95_ms", "itl_p99_ms", "tokens_per_s")
OPEN = ("ttft_corrected_p50_ms", "ttft_p50_ms", "itl_p99_ms", "completed_per_s")


def measured(evidence: Evidence) -> Iterator[Measured]:
    """Yield the figures of one client at one level, with their intervals over the rounds."""
    if len(evidence.clients) != 1 or len(evidence.levels) != 1:
        return
    ((client, summary),) = evidence.at(evidence.levels[0]).items()
    values = {
        name: of
        for name in evidence.columns(OPEN if evidence.is_open else COLUMNS)
        if (of := over_rounds(summary, name)).low is not None
    }
    if values:
        yield Measured(client=client, level=summary.level, values=values)
