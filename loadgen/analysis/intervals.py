"""95 % intervals of percentiles from resampling streams (a cluster bootstrap).

Tokens of one stream resemble each other; drawing them one by one would make every interval too narrow. The
streams of a repeat are put at random into at most ``GROUPS`` groups (one each when there are fewer), every
group's values into a histogram of logarithmic bins, and a replicate is a weighted sum of those histograms. So
its cost does not grow with the tokens, and a bound is exact to half a bin: 0.05 % for values per stream, 0.4 %
for values per token.

A share of streams has the exact interval of a binomial.

Resampling streams cannot show how repeats differ: from three repeats on, intervals come from
:mod:`loadgen.analysis.effects`. See Efron & Tibshirani (1993), "An Introduction to the Bootstrap", chapter 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from loadgen.analysis.measures import Flags, Ints, Times

GROUPS = 128
REPLICATES = 300
STREAM_BITS = 10
TOKEN_BITS = 7  # 2**7 bins per doubling
BLOCK = 1 << 20  # values that are counted at once
MIN_NS = np.float32(1024)  # smaller values count as 0

Interval = tuple[float, float]


class Resampler:
    """Draws the same replicates for every metric of one client at one level.

    ``included`` has, per repeat and per part of it (one for each worker), which streams count. The streams of a
    repeat are drawn from all its parts together. The same ``seed`` yields the same draws.
    """

    def __init__(self, included: Sequence[Sequence[Flags]], seed: Sequence[int]) -> None:
        rng = np.random.default_rng(list(seed))
        groups = [min(sum(int(flags.sum()) for flags in parts), GROUPS) for parts in included]
        self._group_of: list[Ints] = []  # of each stream, per part
        for parts, number, first in zip(included, groups, accumulate(groups, initial=0), strict=False):
            flags = np.concatenate(parts)
            group_of = np.zeros(len(flags), dtype=np.int64)
            group_of[flags] = first + rng.permutation(int(flags.sum())) % max(number, 1)
            self._group_of += np.split(group_of, np.cumsum([len(part) for part in parts])[:-1])
        weights = [rng.multinomial(n, np.full(n, 1 / n), size=REPLICATES) for n in groups if n]
        self._weights = np.concatenate([np.zeros((REPLICATES, 0)), *weights], axis=1, dtype=np.float32)

    def intervals(
        self, times: Sequence[Times], ranks: Iterable[int | None], bits: int
    ) -> dict[int | None, Interval]:
        """Return the bounds, in milliseconds, of these percentiles of all ``times`` together; none without values.

        ``times`` are of included streams, one for each part in order. Bins are 2**``bits`` per doubling.
        """
        wanted = [rank for rank in ranks if rank is not None]
        held = [(of, group_of) for of, group_of in zip(times, self._group_of, strict=True) if len(of.values)]
        if not wanted or not held:
            return {}
        ends = [of.values.min() for of, _ in held] + [of.values.max() for of, _ in held]
        codes = _codes(np.array(ends), bits)
        first, width = int(codes.min()), int(np.ptp(codes)) + 1
        counts = np.zeros((self._weights.shape[1], width), dtype=np.int64)
        for of, group_of in held:
            row = group_of * width - first
            for begin in range(0, len(of.values), BLOCK):
                cell = row[of.owner[begin : begin + BLOCK]]
                cell += _codes(of.values[begin : begin + BLOCK], bits)
                counts += np.bincount(cell, minlength=counts.size).reshape(counts.shape)
        occupied = np.flatnonzero(counts.any(axis=0))
        replicates = self._weights @ counts[:, occupied].astype(np.float32)
        running = np.cumsum(replicates, axis=1, dtype=np.float64)
        running = running[running[:, -1] > 0]
        found: dict[int | None, Interval] = {}
        for rank in wanted:
            reached = np.argmax(running >= np.ceil(running[:, -1:] * rank / 100 - 1e-6), axis=1)
            values = np.sort(occupied[reached]) + first
            tail = max(int((len(values) + 1) * 0.025) - 1, 0)
            found[rank] = _value(int(values[tail]), bits), _value(int(values[-1 - tail]), bits)
        return found


def of_share(k: int, n: int) -> Interval | None:
    """Return the bounds of the share that ``k`` of ``n`` independent streams show (Clopper & Pearson 1934)."""
    from scipy.special import betaincinv

    if not n:
        return None
    low = float(betaincinv(k, n - k + 1, 0.025)) if k else 0.0
    return low, float(betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0


def _codes(values: Ints, bits: int) -> NDArray[np.int32]:
    """Return logarithmic bins: the leading bits of the float, its exponent and then ``bits`` of the mantissa."""
    return np.maximum(values.astype(np.float32), MIN_NS).view(np.int32) >> np.int32(23 - bits)


def _value(code: int, bits: int) -> float:
    """Return the milliseconds at the middle of a bin."""
    shift = 23 - bits
    if code <= int(MIN_NS.view(np.int32)) >> shift:
        return 0.0
    return float(np.array((code << shift) + (1 << (shift - 1)), dtype=np.int32).view(np.float32)) / 1e6
