"""What the simulator did: when each object was due and when it was sent, and how many streams were open."""

from __future__ import annotations

import base64
import io
from array import array
from collections.abc import Sequence
from itertools import chain
from math import ceil
from typing import Any, Final

# 20 bytes each; a simulator left running for days must not fill the memory.
_ROWS: Final = 20_000_000
_LATE_NS: Final = 1_000_000  # the wheel's slot: what is sent within it is on time
_LATE_ROWS: Final = 50_000


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

    def summary(self) -> dict[str, Any]:
        """The fields of :class:`loadgen.model.ServerLog`, ``late`` in base 64, and ``blocked`` and ``dropped``."""
        late = sorted(map(int.__sub__, self.sent, self.due))
        return {
            "streams": len(self.received),
            "open_peak": self.open_peak,
            "sends": len(self.sent) + self.dropped,
            "late_p50_ms": _percentile_ms(late, 0.50),
            "late_p99_ms": _percentile_ms(late, 0.99),
            "late_max_ms": _percentile_ms(late, 1.0),
            "late": base64.b64encode(self._late()).decode(),
            "blocked": self.blocked,
            "dropped": self.dropped,
        }

    def _late(self) -> bytes:
        late = [(due, sent) for due, sent in zip(self.due, self.sent, strict=True) if sent - due > _LATE_NS]
        if len(late) > _LATE_ROWS:
            late = sorted(sorted(late, key=_lateness)[-_LATE_ROWS:], key=_sent)
        return array("q", chain.from_iterable(late)).tobytes()

    def npz(self) -> bytes:
        """All columns as numpy's npz. Raises ImportError where numpy is missing."""
        import numpy as np

        names = ("stream", "due", "sent", "received", "first_due", "ended", "tokens")
        columns: dict[str, Any] = {
            name if name in ("stream", "tokens") else f"{name}_ns": np.asarray(getattr(self, name))
            for name in names
        }
        file = io.BytesIO()
        np.savez(file, **columns)
        return file.getvalue()


def _lateness(send: tuple[int, int]) -> int:
    return send[1] - send[0]


def _sent(send: tuple[int, int]) -> int:
    return send[1]


def _percentile_ms(ordered: Sequence[int], share: float) -> float | None:
    """Nearest rank."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] / 1e6 if ordered else None
