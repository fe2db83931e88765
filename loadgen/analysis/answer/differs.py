"""Say in what clients differ, and by how much."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from loadgen.analysis.answer.evidence import Evidence, Pair, named, over_rounds
from loadgen.analysis.changes import Change
from loadgen.analysis.metrics import Column
from loadgen.model import Contrast, Differs, Estimate, Group, Level

REDUNDANT: Mapping[str, Sequence[str]] = {  # a column -> others that say the same in other words
    "total_p50_ms": ("tokens_per_s", "mib_per_s"),
    "ttft_p50_ms": ("ttft_corrected_p50_ms",),
    "ttft_p99_ms": ("ttft_corrected_p99_ms",),
    "tokens_per_s": ("completed_per_s",),
    "mib_per_s": ("completed_per_s",),
}
COSTS = (Group.CPU, Group.MEMORY)

Ratios = Mapping[Pair, Estimate]


def differs(evidence: Evidence) -> Iterator[Differs]:
    """Yield pairs of clients with all compared metrics in which one is better, until each metric was named.

    Those that differ most are first; of pairs that differ as much, the client that loses to the fewest. Latencies and
    costs are apart, each at the highest level.
    """
    if (level := evidence.compared_at) is None:
        return
    found = {column.name: (column.group in COSTS, ratios) for column, ratios in _ratios(evidence, level)}
    losses = Counter(worst for _, of in found.values() for _, worst in of)
    for cost in (False, True):
        left = {name: of for name, (is_cost, of) in found.items() if is_cost is cost}
        left = {name: of for name, of in left.items() if not set(REDUNDANT.get(name, ())) & left.keys()}
        while left:
            pairs = dict.fromkeys(pair for of in left.values() for pair in of)
            best, worst = pair = max(
                pairs, key=lambda pair: (_total(left, pair), losses[pair[1]] - losses[pair[0]])
            )
            one, other = (evidence.at(level)[client] for client in pair)
            contrasts = [
                Contrast(
                    metric=name, best=over_rounds(one, name), worst=over_rounds(other, name), ratio=of[pair]
                )
                for name, of in left.items()
                if pair in of
            ]
            yield Differs(level=level, cost=cost, best=best, worst=worst, contrasts=tuple(contrasts))
            left = {name: of for name, of in left.items() if pair not in of}


def _ratios(evidence: Evidence, level: Level) -> Iterator[tuple[Column, Ratios]]:
    """Yield each column with the pairs (better, worse) that surely differ, and the second's share of the first."""
    for column in named():
        if column.metric.better is None:
            continue
        ratios = dict(_ratio(pair, change) for pair, change in evidence.different(level, column.name).items())
        if ratios:
            yield column, ratios


def _ratio(pair: Pair, change: Change) -> tuple[Pair, Estimate]:
    value, low, high = (max(1 + (share or 0.0), 1e-9) for share in (change.change, change.low, change.high))
    if change.badness > 0:
        return pair, Estimate(value, low, high)
    return pair[::-1], Estimate(1 / value, 1 / high, 1 / low)


def _total(columns: Mapping[str, Ratios], pair: Pair) -> float:
    """Return how much a pair differs in all columns together; the same to the last digit counts as the same."""
    return round(math.fsum(abs(math.log(of[pair].value or 1.0)) for of in columns.values() if pair in of), 9)
