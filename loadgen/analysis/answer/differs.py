"""Say in what clients differ, and by how much."""

from __future__ import annotations

import math
from collections.abc import Iterator

from loadgen.analysis import effects, rounds
from loadgen.analysis.answer.evidence import Evidence, is_different
from loadgen.analysis.metrics import compared
from loadgen.model import Differs, Estimate, Summary

REDUNDANT = {  # a column -> another that says the same in other words
    "total_p50_ms": "tokens_per_s",
    "voluntary_switches_per_token": "switches_per_token",
}
DELAYS = ("lag", "relative_lag", "send_delay")  # the rule on what clients hold back is about these


def differs(evidence: Evidence) -> Iterator[Differs]:
    """Yield each compared metric in which the best client differs from the worst, at the highest level."""
    if len(evidence.clients) < 2 or not evidence.levels:
        return
    level = evidence.levels[-1]
    summaries = [evidence.at(client, level) for client in evidence.clients]
    found = set()
    for column in compared():
        if column.metric.key in DELAYS or REDUNDANT.get(column.name) in found or column.metric.better is None:
            continue
        known = [s for s in summaries if rounds.values(s, column.name)]
        if len(known) < 2:
            continue
        sign = -1 if column.metric.better == "higher" else 1
        ordered = sorted(known, key=lambda s: sign * _mean(s, column.name))
        best, worst = ordered[0], ordered[-1]
        changes = evidence.differences.get((level, column.name), {})
        change = changes.get((best.client, worst.client)) or changes.get((worst.client, best.client))
        if change is None or not is_different(change):
            continue
        found.add(column.name)
        ratio = effects.times(rounds.contrast([worst], [best], column.name)) or Estimate()
        yield Differs(
            level=level,
            metric=column.name,
            best=best.client,
            worst=worst.client,
            best_value=_value(best, column.name),
            worst_value=_value(worst, column.name),
            ratio=Estimate(ratio.value, ratio.low, ratio.high, ratio.n),
        )


def _mean(summary: Summary, column: str) -> float:
    values = rounds.values(summary, column).values()
    return math.fsum(values) / len(values)


def _value(summary: Summary, column: str) -> Estimate:
    over = effects.mean(rounds.values(summary, column).values())
    return Estimate(summary.value(column), over.low if over else None, over.high if over else None)
