"""What a comparison's renderers show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from loadgen.analysis.changes import Change
from loadgen.analysis.compare import Comparison
from loadgen.analysis.differences import Difference
from loadgen.model import ClientId, Level, Summary


@dataclass(frozen=True)
class ComparisonView:
    """A comparison, the names of its two sides, their summaries, and how their settings differ."""

    comparison: Comparison
    base: str
    head: str
    base_summaries: Sequence[Summary]
    head_summaries: Sequence[Summary]
    differences: Sequence[Difference] = ()
    of_clients: bool = False  # two clients of one run

    @cached_property
    def called(self) -> list[Change]:
        """Return the changes that are beyond the noise."""
        return [change for change in self.comparison.changes if change.verdict in ("worse", "better")]

    @cached_property
    def cells(self) -> Mapping[Level, Mapping[ClientId, Mapping[str, Change]]]:
        """Return every change by level, client and metric; levels and clients sorted."""
        cells: dict[Level, dict[ClientId, dict[str, Change]]] = {}
        for change in sorted(self.comparison.changes, key=lambda c: (c.level, c.client.label)):
            of_client = cells.setdefault(change.level, {}).setdefault(change.client, {})
            of_client[change.column.name] = change
        return cells
