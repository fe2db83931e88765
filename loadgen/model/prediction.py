"""How fast this machine is, and how many cores a client's engine is predicted to need on it."""

from dataclasses import dataclass

from loadgen.model.clients import ClientId
from loadgen.model.level import Level


@dataclass(frozen=True, slots=True)
class Speed:
    """CPU nanoseconds that this machine takes for three kinds of work.

    ``loop_ns``: one turn of a loop in Python; ``switch_ns``: one thread wakes another by a pipe; ``trip_ns``: a small
    message is sent and received over a loopback connection.
    """

    loop_ns: float
    switch_ns: float
    trip_ns: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """How many cores the engine of ``client`` needs at ``level``: while the load is highest, and on average.

    ``cores`` is for the highest, ``mean`` for the measured window. ``per_core`` is the level that one core carries, so
    many streams or arrivals per second.
    """

    client: ClientId
    level: Level
    cores: float
    mean: float = 0.0
    per_core: float = 0.0
