"""Say in what all clients are alike."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis.answer.evidence import ALIKE, Evidence, is_alike
from loadgen.model import Alike, Level

COLUMNS = ("ttft_p50_ms", "tokens_per_s", "total_p50_ms")
"""What users ask for first; where the first two are alike, the third adds nothing."""


def alike(evidence: Evidence) -> Iterator[Alike]:
    """Yield the metrics in which every pair of clients differs by less than ``ALIKE``, with its whole interval.

    The levels are those at which the metrics of the highest are alike.
    """
    if len(evidence.clients) < 2 or not evidence.levels:
        return
    metrics = [column for column in COLUMNS if _are_alike(evidence, evidence.levels[-1], column)][:2]
    if metrics:
        levels = [
            level for level in evidence.levels if all(_are_alike(evidence, level, one) for one in metrics)
        ]
        yield Alike(
            clients=evidence.clients,
            levels=tuple(levels),
            everywhere=levels == evidence.levels,
            metrics=tuple(metrics),
            within=ALIKE,
        )


def _are_alike(evidence: Evidence, level: Level, column: str) -> bool:
    changes = evidence.differences.get((level, column), {})
    pairs = len(evidence.clients) * (len(evidence.clients) - 1) // 2
    return len(changes) == pairs and all(map(is_alike, changes.values()))
