"""One value with its interval."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, its 95 % interval, and the number of values behind it.

    ``None`` is "not measured". ``low_sample``: ``n`` is hardly enough for the percentile. Bounds are ``None``
    for a value that has no interval.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    low_sample: bool = False


NOT_MEASURED = Estimate()
