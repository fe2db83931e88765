"""RFC 3339 times of nanosecond digits, which ``datetime`` would cut to microseconds."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache


@lru_cache(maxsize=64)
def _second(head: str, zone: str) -> int:
    return int(datetime.fromisoformat(head + zone).timestamp()) * 1_000_000_000


def parse(text: str) -> int | None:
    """Nanoseconds since the epoch, or None where ``text`` is no such time (``2026-01-31T12:00:00.123456789Z``)."""
    try:
        if text[-1] == "Z":
            zone, fraction = "+00:00", text[20:-1]
        else:
            zone, fraction = text[-6:], text[20:-6]
        if len(fraction) != 9:
            fraction = fraction[:9].ljust(9, "0")
        return _second(text[:19], zone) + int(fraction)
    except (ValueError, IndexError, OverflowError):
        return None


def render(epoch_ns: int) -> str:
    """The UTC time of ``epoch_ns`` with nine digits and ``Z``."""
    second, rest = divmod(epoch_ns, 1_000_000_000)
    return f"{_head(second)}{rest:09d}Z"


@lru_cache(maxsize=4)
def _head(second: int) -> str:
    from datetime import UTC

    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
