"""Shared by metrics of the engine process: sums over workers, and growth between the edges of the window."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from loadgen.analysis.measures import Ints, present
from loadgen.analysis.repeats import Repeat
from loadgen.model import Recording, Sample


@dataclass(frozen=True, slots=True)
class Growth:
    """How far a total grew within the windows, the tokens that arrived in them, and their length."""

    total: int
    tokens: float
    window_ns: int


def growth(repeats: Iterable[Repeat], quantity: Callable[[Sample], int | None]) -> Growth | None:
    """Return how far ``quantity`` grew between the edges of the parts that have it; ``None`` where none has.

    A repeat's window is that of its part with the longest.
    """
    total: int | None = None
    tokens, window = 0.0, 0
    for repeat in repeats:
        longest = 0
        for m in repeat.parts:
            if len(m.recording.edges) < 2:
                continue
            before, after = quantity(m.recording.edges[0]), quantity(m.recording.edges[-1])
            if before is None or after is None:
                continue
            total = (total or 0) + after - before
            tokens += m.window_tokens
            longest = max(longest, m.window_ns)
        window += longest
    return None if total is None else Growth(total, tokens, window)


def per_token(repeats: Iterable[Repeat], quantity: Callable[[Sample], int | None]) -> float | None:
    """Return the growth of ``quantity`` per token; ``None`` without one of them."""
    found = growth(repeats, quantity)
    return found.total / found.tokens if found and found.tokens else None


def percent_of_time(repeats: Iterable[Repeat], quantity: Callable[[Sample], int | None]) -> float | None:
    """Return the growth of ``quantity``, nanoseconds, in percent of the windows; ``None`` without one of them."""
    found = growth(repeats, quantity)
    return 100 * found.total / found.window_ns if found and found.window_ns else None


def summed(repeat: Repeat, quantity: Callable[[Recording], int | None]) -> int | None:
    """Return the sum over all workers of a repeat; ``None`` where one of them lacks it."""
    values = [quantity(m.recording) for m in repeat.parts]
    there = [value for value in values if value is not None]
    return sum(there) if len(there) == len(values) else None


def over(repeats: Iterable[Repeat], quantity: Callable[[Recording], int | None]) -> list[int]:
    """Return :func:`summed` of each repeat that has it."""
    return [value for repeat in repeats if (value := summed(repeat, quantity)) is not None]


def peak(sampled: Ints, at_edges: Iterable[int | None]) -> int | None:
    """Return the largest value of a column of the samples and of the samples at the edges."""
    there = present(sampled)
    return largest([int(there.max()) if len(there) else None, *at_edges])


def largest(values: Iterable[int | None]) -> int | None:
    """Return the largest value that is there."""
    return max((value for value in values if value is not None), default=None)
