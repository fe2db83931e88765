"""Report what is undecided, and what would decide it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from loadgen.analysis import rounds
from loadgen.analysis.answer.evidence import ALIKE, Evidence, Pair, is_alike
from loadgen.analysis.changes import Change
from loadgen.analysis.compare import MIN_REPEATS
from loadgen.model import ClientId, HeldUp, Level, Undecided
from loadgen.model.confidence import MACHINE

COLUMNS = ("ttft_p50_ms", "tokens_per_s", "cpu_us_per_token", "rss_per_stream_kib")
OPEN = ("ttft_corrected_p50_ms", "completed_per_s", *COLUMNS[2:])
MAX_MORE = 10  # more rounds than so many are no advice


def undecided(evidence: Evidence) -> Iterator[Undecided | HeldUp]:
    """Yield the main metrics in which no pair of clients surely differs, but not all of them are alike either.

    Of clients that the machine held up that alone is yielded; of one client, without metrics, that one round tells
    nothing: but whether its backlog grew, which is tested within the round.
    """
    if (level := evidence.compared_at) is None:
        if (
            evidence.levels
            and not evidence.is_open
            and max(s.repeats for of in evidence.sweeps.values() for s in of) < 2
        ):
            yield _undecided(evidence, evidence.levels[-1], (), [])
        return
    held_up = evidence.held_up(level)
    if held_up:
        yield HeldUp(level=level, clients=held_up)
    metrics: dict[tuple[ClientId, ...], list[str]] = defaultdict(list)
    for column in evidence.columns(OPEN if evidence.is_open else COLUMNS):
        changes = evidence.changes(level, column)
        unclear = {client for pair in _unclear(changes, held_up) for client in pair}
        if unclear and not evidence.different(level, column):
            alike = evidence.most_alike(level, column)
            others = [c for c in evidence.clients if alike and c in unclear and c not in alike]
            metrics[tuple(others)].append(column)
    for clients, columns in metrics.items():
        yield _undecided(evidence, level, clients, columns)


def _undecided(
    evidence: Evidence, level: Level, clients: tuple[ClientId, ...], columns: list[str]
) -> Undecided:
    found: list[Mapping[Pair, Change]] = [evidence.changes(level, column) for column in columns]
    unclear = [of for changes in found for of in _unclear(changes, evidence.held_up(level)).values()]
    # A ratio below 0 has no logarithm: the memory of a process may have shrunk.
    bounds = [(c.low, c.high) for c in unclear if c.low is not None and c.high is not None and c.low > -1]
    widest = max(bounds, key=lambda of: math.log1p(of[1]) - math.log1p(of[0]), default=(None, None))
    summaries = evidence.at(level).values()
    have = min((len(rounds.values(s, column)) for s in summaries for column in columns), default=1)
    more = max((_needed(have, *of) for of in bounds), default=MIN_REPEATS) - have
    causes = (why for s in summaries for of in s.confidence.values() for why in of.causes)
    return Undecided(
        level=level,
        clients=clients,
        metrics=tuple(columns),
        rounds=have,
        low=widest[0],
        high=widest[1],
        more_rounds=max(1, math.ceil(more)) if more <= MAX_MORE else None,
        disturbed=any(isinstance(why, MACHINE) for why in causes),
    )


def _unclear(changes: Mapping[Pair, Change], held_up: Collection[ClientId]) -> dict[Pair, Change]:
    return {
        pair: change
        for pair, change in changes.items()
        if not is_alike(change) and not any(client in held_up for client in pair)
    }


def _needed(have: int, low: float, high: float) -> float:
    """Return how many rounds like these make an interval so narrow that clients are alike, or surely are not."""
    low, high = math.log1p(low), math.log1p(high)
    room = abs(math.log1p(ALIKE) - abs(low + high) / 2)
    return have * ((high - low) / 2 / room) ** 2 if room else math.inf
