"""How hard the server is loaded: the key of every table, chart, threshold and comparison."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Level:
    """So many ``streams`` at once (closed loop), or so many arrivals per second, ``rate`` (open loop).

    Exactly one of the two is set.
    """

    streams: int | None = None
    rate: float | None = None

    @property
    def value(self) -> float:
        """Return the number of streams, or the rate: the place on an axis."""
        return self.streams if self.streams is not None else self.rate or 0.0

    @property
    def label(self) -> str:
        """Return ``1 stream``, ``1,000 streams`` or ``2.5 per second``."""
        if self.streams is None:
            return f"{self.value:,g} per second"
        return f"{self.streams:,} stream{'' if self.streams == 1 else 's'}"

    def __str__(self) -> str:
        return self.label

    def __lt__(self, other: Self) -> bool:
        return (self.streams is None, self.value) < (other.streams is None, other.value)
