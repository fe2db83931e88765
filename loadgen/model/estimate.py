"""One figure with its interval."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """One figure: its value, its 95 % interval, and how many values it rests on.

    ``None`` is "not measured". ``low_sample``: ``n`` barely holds the percentile. Bounds are ``None`` for a figure
    that has no interval.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    low_sample: bool = False


NOT_MEASURED = Estimate()
