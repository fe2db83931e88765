"""Histograms of the live metrics: counts of all workers in the same buckets, so that percentiles are of all values."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

import numpy as np

from loadgen.analysis.batches import counted
from loadgen.analysis.measures import Measured
from loadgen.analysis.metrics import PerStream, PerToken, Scalar, metrics
from loadgen.analysis.metrics.lag import lag
from loadgen.analysis.metrics.latency import to_wire, ttft
from loadgen.analysis.percentiles import NEEDED, Percentiles, nearest_rank
from loadgen.model import Recording

Formula = PerStream | PerToken

START_DELAY: Final = "start_delay"
_EXACT: Final = 2048  # below so many microseconds every value has a bucket of its own


def formulas() -> Mapping[str, Formula]:
    """Return what is counted, by key: every live metric of times, and what the live checks of validity need."""
    wanted = [*(metric for metric in metrics() if metric.live), ttft, lag, to_wire]
    found = {each.key: each.formula for each in wanted if not isinstance(each.formula, Scalar)}
    return {**found, START_DELAY: PerStream(lambda m: m.streams.start - m.streams.due)}


class Histograms:
    """A histogram for each of :func:`formulas`, in buckets of at most 0.1 % above 2 ms and of 1 µs below.

    Of the ``judged`` streams so many were ``good``: each is judged once, as it ends. ``tokens`` by the server's count
    came in so many ``events``.
    """

    def __init__(self) -> None:
        self._formulas = formulas()
        self._counts: dict[str, Counter[int]] = {key: Counter() for key in self._formulas}
        self.good = self.judged = self.tokens = self.events = 0

    def add(self, recording: Recording) -> None:
        """Count the values of ``recording``."""
        measured = Measured(recording)
        tokens, events = counted(measured)
        self.tokens += tokens
        self.events += events
        if of := measured.judged:
            self.good += int((of.good & measured.after_warmup).sum())
            self.judged += int(((of.good | of.bad) & measured.after_warmup).sum())
        for key, formula in self._formulas.items():
            us = np.maximum(np.rint(formula.times(measured).values / 1e3), 0).astype(np.int64)
            bits = np.maximum(np.frexp(us / _EXACT)[1], 0)
            buckets, counts = np.unique(us >> bits << bits, return_counts=True)
            self._counts[key].update(dict(zip(buckets.tolist(), counts.tolist(), strict=True)))

    def percentiles(self, key: str, ranks: Sequence[int]) -> Percentiles:
        """Return the nearest-rank percentiles of a metric, in milliseconds. Raises KeyError for an unknown metric."""
        counts = self._counts[key]
        buckets = sorted(counts)
        running = list(accumulate(counts[bucket] for bucket in buckets))
        n = running[-1] if running else 0
        found = {
            rank: buckets[np.searchsorted(running, nearest_rank(rank, n), side="right")] / 1e3
            for rank in ranks
            if n >= NEEDED[rank]
        }
        return Percentiles(n, found)
