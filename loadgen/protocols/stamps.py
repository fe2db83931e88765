"""RFC 3339 times of nanosecond digits, which ``datetime`` would cut to microseconds."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Any

# From 1970. Nanoseconds of times beyond it, such as Go's zero time, have differences that do not fit 64 bits.
_MAX_SECONDS = 4_611_686_017
_REST = re.compile(r"(?:[.,](\d+))?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)


@lru_cache(maxsize=64)
def second_ns(head: str, zone: str = "+00:00") -> int:
    """Return nanoseconds since the epoch of a whole second. Raises ValueError, OverflowError."""
    second = int(datetime.fromisoformat(head + zone).timestamp())
    if abs(second) > _MAX_SECONDS:
        raise OverflowError(second)
    return second * 1_000_000_000


def parse(text: Any) -> int | None:
    """Return nanoseconds since the epoch; None where ``text`` is no such time (``2026-01-31T12:00:00.123456789Z``).

    Without a zone it is taken for UTC: that the clock may be off is found out later.
    """
    try:
        if text[29:] == "Z":  # most of them
            return second_ns(text[:19]) + int(text[20:29])
        fraction, zone = _REST.fullmatch(text, 19).groups()  # type: ignore[union-attr]  # AttributeError
        second = second_ns(text[:19], zone if zone and zone not in "zZ" else "+00:00")
        return second + int((fraction or "")[:9].ljust(9, "0"))
    except (ValueError, OverflowError, TypeError, AttributeError):  # also what is no text
        return None
