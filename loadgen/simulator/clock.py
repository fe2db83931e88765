"""The wall clock as Ollama writes it, cheap enough for every token."""

from __future__ import annotations

import time
from typing import Final

_NS: Final = 1_000_000_000


class Clock:
    """Keeps the formatted second; only the nanoseconds are formatted for each stamp.

    ``second`` is ``2026-01-31T12:00:00.`` for the second that begins at ``base`` (nanoseconds since the epoch);
    ``date`` is the same as a header of HTTP writes it.
    """

    __slots__ = ("base", "date", "second")

    def __init__(self) -> None:
        self.set(time.time_ns())

    def set(self, epoch_ns: int) -> None:
        """Keep the second of ``epoch_ns``."""
        seconds = epoch_ns // _NS
        self.base = seconds * _NS
        self.second = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(seconds)).encode()
        self.date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds)).encode()

    def stamp(self) -> tuple[int, bytes]:
        """Return the time in nanoseconds since the epoch, and as RFC 3339 with nine digits and ``Z``."""
        now = time.time_ns()
        if not 0 <= now - self.base < _NS:
            self.set(now)
        return now, b"%b%09dZ" % (self.second, now - self.base)
