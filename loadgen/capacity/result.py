"""The result of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadgen.capacity.curves import Crossing
from loadgen.capacity.readings import Budget, Reading
from loadgen.capacity.search import Capacity, Rules
from loadgen.exit_code import ExitCode
from loadgen.lab.lifecycle import RunResult
from loadgen.model import ClientId


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult(RunResult):
    """The capacity of every client. ``failure`` is empty when the search could be finished.

    ``one_stream_ms`` is the median TTFT of one stream, in ms, where the budget needs it.
    """

    budget: Budget
    cores: int
    rules: Rules
    one_stream_ms: Mapping[ClientId, float]
    capacities: Sequence[Capacity]
    crossings: Sequence[Crossing]
    readings: Sequence[Reading]

    @property
    def figures(self) -> ExitCode:
        """Return NOT_MEASURED where a client's search was stopped by something else than the client."""
        found = all(each.stopped in ("budget", "max_streams") for each in self.capacities)
        return ExitCode.DONE if found else ExitCode.NOT_MEASURED
