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
# 20 bytes each; a simulator left running for days must not fill the memory.
_MAX_ROWS: Final = 20_000_000
_DTYPES: Final = {"stream": "<u4", "due": "<i8", "sent": "<i8", "received": "<i8"}  # in the order packed


class Log:
    """Columns of nanoseconds since the epoch.

    ``stream``, ``due`` and ``sent`` have a row per object, ``received`` has the arrival of each stream's request.
    ``blocked`` counts sends that the client was too slow to take whole. Only the last ten to twenty million
    objects are kept; the others are counted in ``dropped``.
    """

    __slots__ = ("blocked", "dropped", "due", "open", "open_peak", "received", "sent", "stream")

    def __init__(self) -> None:
        self.stream = array("I")
        self.due = array("q")
        self.sent = array("q")
        self.received = array("q")
        self.open = self.open_peak = self.blocked = self.dropped = 0

    def add_stream(self, received: int) -> int:
        """Add an open stream; return its index."""
        self.received.append(received)
        self.open += 1
        self.open_peak = max(self.open_peak, self.open)
        return len(self.received) - 1

    def add_object(self, stream: int, due: int, sent: int) -> None:
        """Add an object that is about to be sent."""
        self.stream.append(stream)
        self.due.append(due)
        self.sent.append(sent)

    def trim(self) -> None:
        """Drop the older half of the objects when there are too many."""
        if len(self.sent) > _MAX_ROWS:
            self.dropped += _MAX_ROWS // 2
            for column in (self.stream, self.due, self.sent):
                del column[: _MAX_ROWS // 2]

    def counts(self) -> dict[str, int]:
        """Return what needs no look at every object."""
        return {
            "streams": len(self.received),
            "open": self.open,
            "open_peak": self.open_peak,
            "sends": len(self.sent) + self.dropped,
            "blocked": self.blocked,
            "dropped": self.dropped,
        }

    def pack(self) -> bytes:
        """Return ``counts`` and all columns; :func:`unpack` reads it. This only copies: streams may be open."""
        columns = [getattr(self, name).tobytes() for name in _DTYPES]
        return msgspec.msgpack.encode([self.counts(), columns])


def unpack(data: bytes) -> tuple[dict[str, int], dict[str, NDArray[Any]]]:
    """Return the counts and the columns of a packed log. Times are nanoseconds since the epoch."""
    import numpy as np

    counts, columns = msgspec.msgpack.decode(data, type=tuple[dict[str, int], list[bytes]])
    pairs = zip(_DTYPES.items(), columns, strict=True)
    return counts, {name: np.frombuffer(column, dtype) for (name, dtype), column in pairs}


def server_log(data: bytes) -> ServerLog:
    """Return the log of one cell from a packed log. Percentiles of lateness are nearest-rank."""
    import numpy as np

    counts, columns = unpack(data)
    due, sent = columns["due"], columns["sent"]
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
