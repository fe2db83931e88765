"""What a search found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadgen.capacity.curves import Crossing
from loadgen.capacity.readings import Budget, Reading
from loadgen.capacity.search import Capacity, Rules
from loadgen.model import ClientId


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The capacity of every client. ``failure`` is empty when the search could be finished.

    ``one_stream_ms`` is the median TTFT of one stream, in ms, where the budget needs it.
    """

    folder: Path
    budget: Budget
    cores: int
    rules: Rules
    one_stream_ms: Mapping[ClientId, float]
    capacities: Sequence[Capacity]
    crossings: Sequence[Crossing]
    readings: Sequence[Reading]
    interrupted: bool
    failure: str
