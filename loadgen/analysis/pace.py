"""How many streams a server can serve before their timeouts, at the pace that the warm-up saw."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from loadgen.analysis.model_loads import RESIDENT_NS
from loadgen.model import Cell, Outcome, Timeouts, WarmUp

RESIDENT_S = RESIDENT_NS / 1e9


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds from the start of a request to its first token, and to its end, with the model in memory."""

    first_s: float
    answer_s: float


def pace(warm_up: WarmUp) -> Pace | None:
    """Return the pace of the warm-up, without the time to load the model; ``None`` where it saw no answer."""
    if warm_up.outcome is not Outcome.OK or warm_up.total_s is None:
        return None
    load = max(0.0, (warm_up.load_s or 0.0) - RESIDENT_S)
    answer = max(warm_up.total_s - load, 1e-6)
    first = answer if warm_up.ttft_s is None else max(warm_up.ttft_s - load, 0.0)
    return Pace(min(first, answer), answer)


def served(streams: int, pace: Pace, timeouts: Timeouts) -> int:
    """Return how many of ``streams``, all begun at once, are served in time by a server that answers one at a time.

    The n-th waits for n - 1 answers: its first token comes after (n - 1) * answer + first seconds, its end after
    n * answer.
    """
    first = math.floor((timeouts.first_token - pace.first_s) / pace.answer_s) + 1
    total = math.floor(timeouts.total / pace.answer_s)
    return max(0, min(streams, first, total))


def one_at_a_time_s(cells: Iterable[Cell], pace: Pace) -> float:
    """Return how long cells take with such a server: until the last answer, one after the other."""
    return sum(_seconds(cell, pace.answer_s) for cell in cells)


def _seconds(cell: Cell, answer_s: float) -> float:
    load, rate = cell.workload.load, cell.level.rate
    if rate is not None and load.seconds is not None:
        return max(load.seconds + answer_s, rate * load.seconds * answer_s)
    answers_s = answer_s * (cell.level.streams or 1)
    return (load.requests or 1) * answers_s if load.seconds is None else load.seconds + answers_s
