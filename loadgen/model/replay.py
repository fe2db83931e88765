"""The timings of a recorded run, as the simulator replays them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import log

from loadgen.model.level import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayLevel:
    """The ``streams`` of one level, in the order recorded.

    ``times`` is compressed with zlib: how many events each stream had (int32), the fault that it ended with (a byte:
    0, or the place in ``FAULTS`` from 1 on), and the microseconds (int32) from its start to the first event, from event
    to event, and from the last to its end.
    """

    level: Level
    streams: int
    times: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What the server of the run did. ``stamped``: the times are the server's own, otherwise arrivals at ``client``.

    ``digest`` tells runs of one name apart.
    """

    run: str
    digest: str
    stamped: bool
    client: str
    stream_s: float  # the longest mean of a stream, of all levels
    levels: tuple[ReplayLevel, ...]


def nearest(level: Level, recorded: Iterable[Level]) -> Level | None:
    """Return the recorded level nearest to ``level``, as a ratio; ``None`` where none is of its kind."""
    alike = [each for each in recorded if (each.streams is None) == (level.streams is None)]
    return min(alike, key=lambda each: abs(log(each.value / level.value)), default=None)
