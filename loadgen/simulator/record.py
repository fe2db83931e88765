"""What the simulator did: when each object was due and when it was sent, and how many streams were open."""

from __future__ import annotations

import json
from array import array
from typing import Final

# 20 bytes each; a simulator left running for days must not fill the memory.
_ROWS: Final = 20_000_000
# name -> type code, in the order packed
COLUMNS: Final = {
    "stream": "I",
    "due": "q",
    "sent": "q",
    "received": "q",
    "first_due": "q",
    "ended": "q",
    "tokens": "q",
}


class Record:
    """Columns of nanoseconds since the epoch. A stream counts from the arrival of its request.

    ``stream``, ``due``, ``sent`` have a row per object; ``received``, ``first_due``, ``ended`` (-1: never, or
    still open) and ``tokens`` have a row per stream. ``blocked`` counts sends that the client was too slow to
    take whole. Only the last ten to twenty million objects are kept; the others are counted in ``dropped``.
    """

    __slots__ = (
        "blocked", "dropped", "due", "ended", "first_due", "open", "open_peak", "received", "sent", "stream",
        "tokens",
    )  # fmt: skip

    def __init__(self) -> None:
        self.stream = array("I")
        self.due = array("q")
        self.sent = array("q")
        self.received = array("q")
        self.first_due = array("q")
        self.ended = array("q")
        self.tokens = array("q")
        self.open = self.open_peak = self.blocked = self.dropped = 0

    def opened(self, received: int) -> int:
        """A stream has come; gives its index."""
        self.received.append(received)
        self.first_due.append(-1)
        self.ended.append(-1)
        self.tokens.append(0)
        self.open += 1
        self.open_peak = max(self.open_peak, self.open)
        return len(self.received) - 1

    def sending(self, stream: int, due: int, sent: int) -> None:
        """An object is about to be sent."""
        self.stream.append(stream)
        self.due.append(due)
        self.sent.append(sent)

    def trim(self) -> None:
        """Forget the older half of the objects when there are too many."""
        if len(self.sent) > _ROWS:
            self.dropped += _ROWS // 2
            for column in (self.stream, self.due, self.sent):
                del column[: _ROWS // 2]

    def closed(self, stream: int, ended: int, tokens: int) -> None:
        """The stream is over."""
        self.ended[stream] = ended
        self.tokens[stream] = tokens
        self.open -= 1

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

    def packed(self) -> bytes:
        """Return ``counts`` and the sizes of all columns as one line of JSON, then the columns as they lie in memory.

        Nothing more than copying: streams may be open. :mod:`loadgen.simulator.log` reads it.
        """
        columns = {name: getattr(self, name).tobytes() for name in COLUMNS}
        head = {"counts": self.counts(), "bytes": {name: len(data) for name, data in columns.items()}}
        return b"".join([json.dumps(head).encode(), b"\n", *columns.values()])
