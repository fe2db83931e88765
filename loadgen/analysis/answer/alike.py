"""Say in what clients are alike."""

from __future__ import annotations

from collections.abc import Iterator

from loadgen.analysis import rounds
from loadgen.analysis.answer.evidence import ALIKE, Evidence
from loadgen.model import Alike

COLUMNS = ("ttft_p50_ms", "tokens_per_s", "total_p50_ms")
OPEN = ("ttft_corrected_p50_ms", "total_p50_ms", "completed_per_s")
"""What users ask for first; where the first two are alike, the third adds nothing. An open load sets the rate of
tokens.
"""


def alike(evidence: Evidence) -> Iterator[Alike]:
    """Yield the metrics in which more than half of the clients, each pair of them, differ by less than ``ALIKE``.

    The levels are those at which the metrics of the highest are alike.
    """
    if (highest := evidence.compared_at) is None:
        return
    columns = evidence.columns(OPEN if evidence.is_open else COLUMNS)
    groups = {column: evidence.most_alike(highest, column) for column in columns}
    clients = next(filter(None, groups.values()), ())
    if not clients:
        return
    metrics = [column for column in columns if evidence.are_alike(clients, highest, column)][:2]
    levels = [
        level
        for level in evidence.levels
        if all(evidence.are_alike(clients, level, column) for column in metrics)
    ]
    measured = {s.client for s in evidence.summaries if not s.client.control} - set(clients)
    yield Alike(
        clients=clients,
        all_clients=all(client.name in rounds.YARDSTICKS for client in measured),
        levels=tuple(levels),
        all_levels=levels == evidence.levels,
        metrics=tuple(metrics),
        within=ALIKE,
    )
