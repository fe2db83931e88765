"""Shared by metrics of the engine process: sums over workers, and growth between the edges of the window."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from loadgen.analysis.measures import Ints, present
from loadgen.analysis.metrics import Repeats, Scalar, metric
from loadgen.analysis.repeats import Repeat
from loadgen.model import Recording, Sample

cost = partial(metric, Scalar, topic="cost")


def growth(repeats: Repeats, total: Callable[[Sample], int | None]) -> tuple[int | None, float, int]:
    """Return how far ``total`` grew between the edges of the included parts that have it, ``None`` where none has; the
    tokens that arrived meanwhile; and the nanoseconds between the edges, of each repeat the longest.
    """
    grown: int | None = None
    tokens, window = 0.0, 0
    for repeat in repeats.included:
        longest = 0
        for m in repeat.parts:
            at = [total(edge) for edge in m.recording.edges]
            if len(at) < 2 or at[0] is None or at[-1] is None:
                continue
            grown = (grown or 0) + at[-1] - at[0]
            tokens += m.window_tokens
            longest = max(longest, m.window_ns)
        window += longest
    return grown, tokens, window


def per_token(repeats: Repeats, total: Callable[[Sample], int | None]) -> float | None:
    """Return the growth of ``total`` per token; ``None`` without one of them."""
    grown, tokens, _ = growth(repeats, total)
    return grown / tokens if grown is not None and tokens else None


def percent_of_time(repeats: Repeats, total: Callable[[Sample], int | None]) -> float | None:
    """Return the growth of ``total``, nanoseconds, in percent of the windows; ``None`` without one of them."""
    grown, _, window = growth(repeats, total)
    return 100 * grown / window if grown is not None and window else None


def summed(repeat: Repeat, quantity: Callable[[Recording], int | None]) -> int | None:
    """Return the sum over all workers of a repeat; ``None`` where one of them lacks it."""
    values = [value for m in repeat.parts if (value := quantity(m.recording)) is not None]
    return sum(values) if len(values) == len(repeat.parts) else None


def over(repeats: Repeats, quantity: Callable[[Recording], int | None]) -> list[int]:
    """Return :func:`summed` of each included repeat that has it."""
    return [value for repeat in repeats.included if (value := summed(repeat, quantity)) is not None]


def peak(sampled: Ints, at_edges: Iterable[int | None]) -> int | None:
    """Return the largest value of a column of the samples and of the samples at the edges."""
    there = present(sampled)
    return largest([int(there.max()) if len(there) else None, *at_edges])


def largest(values: Iterable[int | None]) -> int | None:
    """Return the largest value that is there."""
    return max((value for value in values if value is not None), default=None)
