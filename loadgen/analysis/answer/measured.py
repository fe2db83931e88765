"""Report the main figures of the only client."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis import effects, rounds
from loadgen.analysis.answer.evidence import Evidence
from loadgen.model import Estimate, Measured

COLUMNS = ("ttft_p50_ms", "ttft_p95_ms", "itl_p99_ms", "tokens_per_s")


def measured(evidence: Evidence) -> Iterator[Measured]:
    """Yield the figures at the highest level, with their intervals over the rounds, where there is one client only."""
    if len(evidence.clients) != 1 or not evidence.levels:
        return
    summary = evidence.at(evidence.clients[0], evidence.levels[-1])
    values = {}
    for column in COLUMNS:
        value = summary.value(column)
        if value is not None:
            over = effects.mean(rounds.values(summary, column).values())
            bounds = (over.low, over.high) if over else (None, None)
            values[column] = Estimate(value, *bounds, n=over.n if over else None)
    if values:
        yield Measured(client=summary.client, level=summary.level, values=values)
