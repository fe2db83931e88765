"""How fast this machine is, and how many cores a client's engine is predicted to need on it."""

import math
from dataclasses import dataclass
from typing import Final, Literal

from loadgen.model.clients import ClientId
from loadgen.model.findings import Finding
from loadgen.model.level import Level

MAX_BUSY: Final = 0.7  # share of its core that an engine is to use, where the number of engines is chosen


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

    ``cores`` is for the highest, ``mean`` for the measured window; likewise the ``tokens_per_s`` of a stream, and the
    ``mean_tokens_per_s`` of all. ``per_core`` is the level that one core carries, so many streams or arrivals per
    second.
    """

    client: ClientId
    level: Level
    cores: float
    mean: float = 0.0
    per_core: float = 0.0
    tokens_per_s: float = 0.0
    mean_tokens_per_s: float = 0.0

    def lacks(self, engines: int) -> bool:
        """Return whether more engines than so many would be chosen, were there cores, and a stream for each."""
        return self.cores > MAX_BUSY * engines and engines < (self.level.streams or math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A prediction for the measured window, and the cores that the engine ``used`` of those ``given`` to it.

    ``left`` is what others left of these. ``verdict``: ``holds``; ``off``; ``full``, where it used all that it could
    get, as predicted; ``slower``, where the server sent far fewer tokens than it did in the warm-up.
    """

    prediction: Prediction
    used: float
    given: float
    left: float
    verdict: Literal["holds", "off", "full", "slower"]

    @property
    def ratio(self) -> float:
        """Return the predicted cores divided by those used."""
        return self.prediction.mean / self.used


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionFinding(Finding):
    """What was predicted of the engines' cores, held against what came. ``verdict``: ``off`` where one is."""

    kind: str = "prediction"
    held: tuple[Held, ...]
