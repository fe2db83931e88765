"""Exact, mergeable histograms of what streams took: they are added up over workers, percentiles never are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from hdrh.histogram import HdrHistogram

from loadgen.analysis.measures import Ints, Measured, present
from loadgen.analysis.percentiles import NEEDED, nearest_rank
from loadgen.model import Recording

# Values are whole microseconds up to an hour, or thousandths of a token per second, with three digits.
_LARGEST: Final = 3_600_000_000
_DIGITS: Final = 3
_EXACT: Final = 2048  # below it every value has a bucket of its own
NAMES: Final = ("ttft", "itl", "lag", "rate", "late", "request")
RANKS: Final = (50, 90, 99)


class Histograms:
    """TTFT, ITL, lag, rate (tokens per second of a stream), lateness (start less due) and request delay of ok
    streams.

    What each figure is, is what :class:`~loadgen.analysis.measures.Measured` says; here it is counted in
    buckets of at most 0.1 % (HdrHistogram, http://hdrhistogram.org).
    """

    def __init__(self) -> None:
        self._histograms = {name: HdrHistogram(1, _LARGEST, _DIGITS) for name in NAMES}

    def add(self, recording: Recording) -> None:
        """Count the streams of ``recording``."""
        measured = Measured(recording)
        chosen = measured.included
        self._count("ttft", present(measured.ttft[chosen]) / 1e3)
        self._count("itl", measured.gaps().values / 1e3)
        lags = measured.lags()
        if lags is not None and recording.same_host:
            self._count("lag", lags.values / 1e3)
        self._count("late", (measured.column("start") - measured.column("due"))[chosen] / 1e3)
        self._count("request", present(measured.send_delay[chosen]) / 1e3)
        tpot: Ints = measured.tpot[chosen]
        self._count("rate", 1e12 / tpot[tpot > 0])

    def _count(self, name: str, values: np.ndarray[Any, Any]) -> None:
        """Values of one bucket at once: the library counts one by one."""
        whole = np.clip(np.rint(values), 0, _LARGEST).astype(np.int64)
        bits = np.maximum(np.frexp(whole / _EXACT)[1], 0)
        buckets, counts = np.unique(whole >> bits << bits, return_counts=True)
        histogram = self._histograms[name]
        for value, count in zip(buckets.tolist(), counts.tolist(), strict=True):
            histogram.record_value(value, count)

    def take(self) -> dict[str, bytes]:
        """What was counted since the last time, to send."""
        taken = {name: each.encode() for name, each in self._histograms.items() if each.get_total_count()}
        for histogram in self._histograms.values():
            histogram.reset()
        return taken

    def merge(self, taken: Mapping[str, bytes]) -> None:
        """Add what :meth:`take` gave."""
        for name, encoded in taken.items():
            if name in self._histograms:
                self._histograms[name].decode_and_add(encoded)

    def told(self) -> dict[str, dict[str, float | int | None] | None]:
        """Per figure ``n``, ``p50``, ``p90``, ``p99``: ms, or tokens per second; None where nothing was counted.

        A percentile that n cannot hold is None.
        """
        return {name: self._told(histogram) for name, histogram in self._histograms.items()}

    @staticmethod
    def _told(histogram: HdrHistogram) -> dict[str, float | int | None] | None:
        n = histogram.get_total_count()
        if not n:
            return None
        held = {
            # The library rounds the rank to the nearest; ours is the nearest-rank percentile, rounded up.
            f"p{rank}": histogram.get_value_at_percentile(100 * (nearest_rank(rank, n) + 1) / n) / 1e3
            if n >= NEEDED[rank]
            else None
            for rank in RANKS
        }
        return {"n": n, **held}
