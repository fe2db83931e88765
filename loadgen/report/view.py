"""The input of a report: one run, and everything computed from it, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from loadgen.analysis.metrics import Metric
from loadgen.analysis.repeats import Repeat, repeats_of
from loadgen.model import Finding, Level, Run, Summary
from loadgen.report.client_style import Styles, client_styles

Kind = TypeVar("Kind", bound=Finding)
Item = TypeVar("Item")


@dataclass(frozen=True)
class View:
    """A run with its summaries and findings, for every section and renderer."""

    run: Run
    summaries: Sequence[Summary]
    findings: Sequence[Finding]

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the findings of that class, in order."""
        return [finding for finding in self.findings if isinstance(finding, kind)]

    def concerns(self, metric: Metric) -> bool:
        """Return whether the run has the metric: one that needs a key of the scenario, or tokens where there are none,
        only where it was measured.
        """
        names = [metric.column(rank) for rank in metric.ranks]
        return (self.has_tokens and not metric.needs) or any(
            s.value(name) is not None for s in self.summaries for name in names
        )

    @property
    def has_tokens(self) -> bool:
        """Return whether what was measured has tokens; otherwise only bytes count."""
        return self.run.info.scenario.workload.has_tokens

    @cached_property
    def styles(self) -> Styles:
        """Return how each client is drawn."""
        return client_styles({s.client: s.mode for s in self.summaries})

    @cached_property
    def by_level(self) -> Sequence[Summary]:
        """Return the summaries, the lowest level first."""
        return sorted(self.summaries, key=lambda s: s.level)

    @cached_property
    def levels(self) -> Mapping[Level, Sequence[Summary]]:
        """Return the summaries by level, the lowest level first."""
        return _grouped(self.summaries, lambda summary: summary.level)

    @cached_property
    def order(self) -> Sequence[Repeat]:
        """Return the repeats in the order in which they ran, with their measured vectors."""
        return list(repeats_of(self.run.recordings))

    @cached_property
    def repeats(self) -> Mapping[Level, Sequence[Repeat]]:
        """Return the repeats by level, the lowest level first."""
        return _grouped(self.order, lambda repeat: repeat.recording.level)

    @cached_property
    def alone(self) -> str:
        """Return the name of the only client of a sweep, A/A controls aside; empty otherwise.

        Rows are then named by their levels.
        """
        clients = {s.client for s in self.summaries if not s.client.control}
        return next(iter(clients)).label if self.sweeps and len(clients) == 1 else ""

    @property
    def sweeps(self) -> bool:
        """Return whether several levels were measured."""
        return len(self.levels) > 1

    @property
    def distributed(self) -> bool:
        """Return whether workers drove the streams."""
        return any(recording.worker for recording in self.run.recordings)


def _grouped(items: Iterable[Item], level: Callable[[Item], Level]) -> dict[Level, list[Item]]:
    groups: dict[Level, list[Item]] = {}
    for item in sorted(items, key=level):
        groups.setdefault(level(item), []).append(item)
    return groups
