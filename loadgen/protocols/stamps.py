"""RFC 3339 times of nanosecond digits, which ``datetime`` would cut to microseconds."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

# From 1970. Nanoseconds of times beyond it, such as Go's zero time, have differences that do not fit 64 bits.
_MAX_SECONDS = 4_611_686_017
_REST = re.compile(r"(?:[.,](\d+))?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)


class _Seconds(dict[str, int]):
    """Nanoseconds of whole seconds, of those that were asked for lately. Raises ValueError, OverflowError."""

    def __missing__(self, text: str) -> int:
        second = int(datetime.fromisoformat(text if text[19:] else text + "+00:00").timestamp())
        if abs(second) > _MAX_SECONDS:
            raise OverflowError(second)
        if len(self) >= 64:
            self.clear()
        return self.setdefault(text, second * 1_000_000_000)


SECONDS = _Seconds()


def parse(text: Any) -> int | None:
    """Return nanoseconds since the epoch; None where ``text`` is no such time (``2026-01-31T12:00:00.123456789Z``).

    Without a zone it is taken for UTC: that the clock may be off is found out later.
    """
    try:
        if text[29:] == "Z":  # most of them
            return SECONDS[text[:19]] + int(text[20:29])
        fraction, zone = _REST.fullmatch(text, 19).groups()  # type: ignore[union-attr]  # AttributeError
        second = SECONDS[text[:19] + (zone if zone and zone not in "zZ" else "+00:00")]
        return second + int((fraction or "")[:9].ljust(9, "0"))
    except (ValueError, OverflowError, TypeError, AttributeError):  # also what is no text
        return None
