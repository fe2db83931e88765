"""What the rules look at: the measurements that count, and the differences between their clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from loadgen.analysis import compare, rounds
from loadgen.analysis.changes import Change
from loadgen.model import ClientId, Level, Run, Summary

ALIKE = 0.10  # clients that differ by less, as a share, are alike; by more, with certainty, they differ
_LOWER = 1 / (1 + ALIKE) - 1
HARMLESS = 1.0  # milliseconds: a smaller difference of a latency is none

Pair = tuple[ClientId, ClientId]


@dataclass(frozen=True)
class Evidence:
    """A run with its summaries. What counts is valid, and neither a yardstick nor an A/A control."""

    run: Run
    summaries: Sequence[Summary]

    @cached_property
    def sweeps(self) -> Mapping[ClientId, Sequence[Summary]]:
        """Return each client's measurements, the lowest level first."""
        counted = [s for s in rounds.valid(self.summaries) if s.client.name not in rounds.YARDSTICKS]
        return rounds.sweeps(counted or rounds.valid(self.summaries))

    @cached_property
    def clients(self) -> tuple[ClientId, ...]:
        """Return the clients."""
        return tuple(self.sweeps)

    @cached_property
    def levels(self) -> Sequence[Level]:
        """Return the levels at which every client was measured, the lowest first."""
        each = [{s.level for s in sweep} for sweep in self.sweeps.values()]
        return sorted(set.intersection(*each)) if each else []

    def at(self, client: ClientId, level: Level) -> Summary:
        """Return the measurement of one client at one of :attr:`levels`. Raises StopIteration for others."""
        return next(s for s in self.sweeps[client] if s.level == level)

    @cached_property
    def differences(self) -> Mapping[tuple[Level, str], Mapping[Pair, Change]]:
        """Return, by level and compared column, how the second client of every pair differs from the first."""
        found: dict[tuple[Level, str], dict[Pair, Change]] = {}
        for pair in combinations(self.clients, 2):
            for change in compare.clients(self.summaries, *pair).changes:
                if change.level in self.levels:
                    found.setdefault((change.level, change.column.name), {})[pair] = change
        return found


def is_alike(change: Change) -> bool:
    """Return whether the whole interval of a difference is too small to matter."""
    if change.low is None or change.high is None:
        return False
    if not change.relative:
        return change.base == change.head
    harmless = change.column.unit == "ms" and max(-change.low, change.high) * change.base < HARMLESS
    return harmless or (change.low > _LOWER and change.high < ALIKE)


def is_different(change: Change) -> bool:
    """Return whether a difference is beyond the noise, and its whole interval large enough to matter."""
    if change.low is None or change.high is None or change.verdict not in ("worse", "better"):
        return False
    if not change.relative:
        return True
    return change.low > ALIKE or change.high < _LOWER
