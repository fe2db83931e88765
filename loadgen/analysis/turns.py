"""The times of a conversation, turn by turn: each carries more than the one before, and a cache may have most of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from loadgen.analysis.measures import Measured
from loadgen.analysis.percentiles import percentiles


@dataclass(frozen=True, slots=True)
class Turn:
    """The streams of one turn, from 0: how many, their median tokens of input, and percentiles of the TTFT in ms."""

    number: int
    streams: int
    input_tokens: float | None
    ttft_p50_ms: float | None
    ttft_p95_ms: float | None


def by_turn(parts: Iterable[Measured]) -> list[Turn]:
    """Return what the turns have of the included streams, the first turn first; none without conversations."""
    known = [(m, m.included & (m.streams.turn >= 0)) for m in parts]
    if not known:
        return []
    turn = np.concatenate([m.streams.turn[rows] for m, rows in known])
    ttft = np.concatenate([m.ttft[rows] for m, rows in known])
    tokens = np.concatenate([m.reported.prompt_tokens[rows] for m, rows in known])
    found = []
    for number in np.unique(turn).tolist():
        own = turn == number
        counted, times = tokens[own & (tokens >= 0)], percentiles(ttft[own & (ttft >= 0)], [50, 95])
        found.append(
            Turn(
                number=number,
                streams=int(own.sum()),
                input_tokens=float(np.median(counted)) if len(counted) else None,
                ttft_p50_ms=times[50],
                ttft_p95_ms=times[95],
            )
        )
    return found
