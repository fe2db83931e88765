"""The metrics of one client at one level, over its repeats."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from loadgen.model.clients import ClientId, Mode
from loadgen.model.confidence import Confidence, Group
from loadgen.model.estimate import NOT_MEASURED, Estimate
from loadgen.model.findings import Validity
from loadgen.model.level import Level
from loadgen.model.limit import Limit
from loadgen.model.reasons import Reason
from loadgen.model.recording import Neighbour


@dataclass(frozen=True, slots=True)
class Round:
    """The metrics of one included repeat, counted from 0, by itself, keyed by column of ``summary.csv``."""

    repeat: int
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(Mapping[str, Estimate]):
    """Every metric of one client at one level, pooled over its repeats: a mapping from the metric's key.

    ``repeats`` are those that are included: an invalid one is excluded while others stand, but for its failures.
    ``finish_reasons`` are the server's words for why answers ended, with the number of ok streams of each.
    ``reasons`` are why it is not valid, the most serious first. ``limited_by``: whose limit it reached; ``None``:
    nobody's. ``neighbours`` took the most of the engines' cores.
    ``metrics`` are keyed by column of ``summary.csv``. A group without figures has no ``confidence``.
    """

    client: ClientId
    mode: Mode
    level: Level
    repeats: int
    validity: Validity
    reasons: tuple[Reason, ...]
    outcomes: Mapping[str, int]  # outcome -> streams
    metrics: Mapping[str, Estimate]
    rounds: tuple[Round, ...] = field(repr=False)
    confidence: Mapping[Group, Confidence] = field(default_factory=dict)
    limited_by: Limit | None = None
    finish_reasons: Mapping[str, int] = field(default_factory=dict)
    neighbours: tuple[Neighbour, ...] = ()

    def __getitem__(self, metric: str) -> Estimate:
        return self.metrics.get(metric, NOT_MEASURED)

    def __iter__(self) -> Iterator[str]:
        return iter(self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)

    def value(self, metric: str) -> float | None:
        """Return the metric's value; ``None`` where it was not measured."""
        return self[metric].value
