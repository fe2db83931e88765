"""What the simulator did: when each object was due and when it was sent, and how many streams were open."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final

import msgspec

from loadgen.model import ServerLog

if TYPE_CHECKING:
    from numpy.typing import NDArray

LATE_NS: Final = 1_000_000  # the wheel's slot: what is sent within it is on time
MAX_LATE_ROWS: Final = 50_000
# 16 bytes each; a simulator left running for days must not fill the memory.
_MAX_ROWS: Final = 20_000_000


class Log:
    """When each object was ``due`` and ``sent``, in nanoseconds since the epoch, and counts.

    ``blocked`` counts sends that the client was too slow to take whole. Only the last ten to twenty million
    objects are kept, and those that are sent until the next stream; the others are counted in ``dropped``.
    """

    __slots__ = ("blocked", "dropped", "due", "open", "open_peak", "sent", "streams")

    def __init__(self) -> None:
        self.due, self.sent = array("q"), array("q")
        self.streams = self.open = self.open_peak = self.blocked = self.dropped = 0

    def add_stream(self) -> int:
        """Add an open stream; return its index. Drops the older half of the objects when there are too many."""
        if len(self.sent) > _MAX_ROWS:
            self.dropped += _MAX_ROWS // 2
            del self.due[: _MAX_ROWS // 2], self.sent[: _MAX_ROWS // 2]
        self.streams += 1
        self.open += 1
        self.open_peak = max(self.open_peak, self.open)
        return self.streams - 1

    def add_object(self, due: int, sent: int) -> None:
        """Add an object that is about to be sent."""
        self.due.append(due)
        self.sent.append(sent)

    def counts(self) -> dict[str, int]:
        """Return what needs no look at every object."""
        names = ("streams", "open", "open_peak", "blocked", "dropped")
        return {"sends": len(self.sent) + self.dropped, **{name: getattr(self, name) for name in names}}

    def pack(self) -> bytes:
        """Return ``counts``, ``due`` and ``sent``; :func:`unpack` reads it. This only copies: streams may be open."""
        return msgspec.msgpack.encode([self.counts(), self.due.tobytes(), self.sent.tobytes()])


def unpack(data: bytes) -> tuple[dict[str, int], NDArray[Any], NDArray[Any]]:
    """Return the counts, ``due`` and ``sent`` of a packed log."""
    import numpy as np

    counts, due, sent = msgspec.msgpack.decode(data, type=tuple[dict[str, int], bytes, bytes])
    return counts, np.frombuffer(due, "<i8"), np.frombuffer(sent, "<i8")


def server_log(data: bytes) -> ServerLog:
    """Return the log of one cell from a packed log. Percentiles of lateness are nearest-rank."""
    import numpy as np

    counts, due, sent = unpack(data)
    lateness = sent - due
    p50 = p99 = most = None
    if len(lateness):
        p50, p99, most = (np.percentile(lateness, [50, 99, 100], method="inverted_cdf") / 1e6).tolist()
    late = np.flatnonzero(lateness > LATE_NS)
    if len(late) > MAX_LATE_ROWS:
        worst = late[np.argsort(lateness[late], kind="stable")[-MAX_LATE_ROWS:]]
        late = worst[np.argsort(sent[worst], kind="stable")]
    return ServerLog(
        streams=counts["streams"],
        open_peak=counts["open_peak"],
        sends=counts["sends"],
        late_p50_ms=p50,
        late_p99_ms=p99,
        late_max_ms=most,
        late=np.stack([due[late], sent[late]], axis=1).astype("<i8").tobytes(),
    )
