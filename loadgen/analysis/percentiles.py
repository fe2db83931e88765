"""Nearest-rank percentiles of raw values: nanoseconds in, milliseconds out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

NEEDED: Mapping[int, int] = MappingProxyType({50: 1, 90: 10, 95: 20, 99: 100})
"""Percentile -> the fewest values that it needs."""
LOW_SAMPLE_FACTOR = 10  # with fewer than so many times the needed values, a percentile has a low sample size


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentile -> milliseconds, over ``n`` values; ``None`` for a percentile that needs more values."""

    n: int
    values: Mapping[int, float]

    def __getitem__(self, rank: int) -> float | None:
        return self.values.get(rank)

    def low_sample(self, rank: int) -> bool:
        """Return whether the percentile rests on a low sample size."""
        return rank in self.values and self.n < NEEDED[rank] * LOW_SAMPLE_FACTOR


def percentiles(values: NDArray[np.int64], ranks: Iterable[int] = tuple(NEEDED)) -> Percentiles:
    """Return the nearest-rank percentiles of ``values``, 1-D, nanoseconds, in any order; they are not changed.

    ``ranks`` are keys of :data:`NEEDED`; another raises ``KeyError``.
    """
    n = len(values)
    at = {rank: nearest_rank(rank, n) for rank in ranks if n >= NEEDED[rank]}
    if not at:
        return Percentiles(n, {})
    ordered = np.partition(values, sorted(set(at.values())))
    return Percentiles(n, {rank: float(ordered[index]) / 1e6 for rank, index in at.items()})


def nearest_rank(rank: int, n: int) -> int:
    """Return the index, in ascending order, of the ``rank`` percentile of ``n`` values."""
    return -(-rank * n // 100) - 1
