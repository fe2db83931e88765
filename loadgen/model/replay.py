"""The timings of a recorded run, as the simulator replays them."""

from dataclasses import dataclass

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
    times: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What the server of the run did. ``stamped``: the times are the server's own, otherwise arrivals at ``client``."""

    run: str
    stamped: bool
    client: str
    stream_s: float  # the longest mean of a stream, of all levels
    levels: tuple[ReplayLevel, ...]
