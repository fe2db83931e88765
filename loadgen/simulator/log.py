"""What the simulator did: how late it sent, and how many streams were open; of a bounded size, however long it runs."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from heapq import heappush, heappushpop
from itertools import accumulate
from typing import Final

import msgspec

from loadgen.model import ServerLog

LATE_NS: Final = 1_000_000  # the wheel's slot: what is sent within it is on time
MAX_LATE_ROWS: Final = 50_000
BUCKET_BITS: Final = 10  # sends are counted by the microsecond (of 1,024 ns) of their lateness
_BUCKETS: Final = 1 << 14  # and beyond these by so many bits of it, so by 0.1 %
_PRECISION: Final = 10
_ROW_BITS: Final = 64


class Log:
    """How many objects were sent how late, and counts. Lateness is in nanoseconds, actual less scheduled send time.

    What is sent no later than ``bar`` is only counted in ``buckets``; of the others the worst are kept, each with its
    time. ``blocked`` counts the sends that the client was too slow to take whole.
    """

    __slots__ = ("_far", "_rows", "_worst", "bar", "blocked", "buckets", "open", "open_peak", "streams")

    def __init__(self) -> None:
        self.buckets = [0] * _BUCKETS
        self.bar = LATE_NS
        self._far: dict[int, int] = {}  # by the bucket's lower bound
        self._rows: list[int] = []  # a heap of lateness and send time, packed in an integer
        self._worst = 0
        self.streams = self.open = self.open_peak = self.blocked = 0

    def add_stream(self) -> int:
        """Add an open stream; return its index."""
        self.streams += 1
        self.open += 1
        self.open_peak = max(self.open_peak, self.open)
        return self.streams - 1

    def add_object(self, due: int, sent: int) -> None:
        """Add an object that is about to be sent; nanoseconds since the epoch."""
        late = sent - due
        if 0 <= late <= self.bar:
            self.buckets[late >> BUCKET_BITS] += 1
        else:
            self.add_late(sent, late)

    def add_late(self, sent: int, late: int) -> None:
        """Add an object that was sent late, or early by a clock that was set."""
        number = late >> BUCKET_BITS
        if 0 <= number < _BUCKETS:
            self.buckets[number] += 1
        else:
            bits = _bits(late)
            bucket = late >> bits << bits
            self._far[bucket] = self._far.get(bucket, 0) + 1
        if late <= LATE_NS:
            return
        self._worst = max(self._worst, late)
        rows, row = self._rows, late << _ROW_BITS | sent
        if len(rows) < MAX_LATE_ROWS:
            heappush(rows, row)
        else:
            heappushpop(rows, row)
            self.bar = min(rows[0] >> _ROW_BITS, (_BUCKETS << BUCKET_BITS) - 1)

    def counts(self) -> dict[str, int]:
        """Return what is counted of streams and sends."""
        sends = sum(self.buckets) + sum(self._far.values())
        names = ("streams", "open", "open_peak", "blocked")
        return {"sends": sends, **{name: getattr(self, name) for name in names}}

    def pack(self) -> bytes:
        """Return all that is known; :func:`server_log` reads it."""
        near = {at << BUCKET_BITS: count for at, count in enumerate(self.buckets) if count}
        late, sent = (
            array("q", [row >> _ROW_BITS for row in self._rows]),
            array("q", [row & (1 << _ROW_BITS) - 1 for row in self._rows]),
        )
        return msgspec.msgpack.encode(
            [self.counts(), {**near, **self._far}, self._worst, late.tobytes(), sent.tobytes()]
        )


def server_log(data: bytes) -> ServerLog:
    """Return the log of one cell from a packed log. Percentiles are nearest-rank, to the bucket's middle."""
    import numpy as np

    kind = tuple[dict[str, int], dict[int, int], int, bytes, bytes]
    counts, buckets, worst, *columns = msgspec.msgpack.decode(data, type=kind)
    bounds = sorted(buckets)
    totals = list(accumulate(buckets[bound] for bound in bounds))

    def percentile(share: float) -> float | None:
        if not totals:
            return None
        bound = bounds[bisect_left(totals, math.ceil(share * totals[-1]))]
        return float(min(bound + (1 << _bits(bound) >> 1), worst or math.inf)) / 1e6

    late, sent = (np.frombuffer(column, "<i8") for column in columns)
    order = np.argsort(sent, kind="stable")
    return ServerLog(
        streams=counts["streams"],
        open_peak=counts["open_peak"],
        sends=counts["sends"],
        late_p50_ms=percentile(0.5),
        late_p99_ms=percentile(0.99),
        late_max_ms=worst / 1e6 if worst else percentile(1),
        late=np.stack([sent - late, sent], axis=1)[order].astype("<i8").tobytes(),
    )


def _bits(late: int) -> int:
    """Return the width of the bucket of ``late``, as a power of two."""
    return max(late.bit_length() - _PRECISION, BUCKET_BITS)
