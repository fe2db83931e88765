"""What the rules look at: the measurements that count, and the differences between their clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from loadgen.analysis import compare, effects, limits, metrics, rounds
from loadgen.analysis.changes import Change
from loadgen.analysis.in_place import IN_PLACE
from loadgen.analysis.repeats import Repeat, included, repeats_of
from loadgen.model import ClientId, Estimate, Group, Level, Limit, Run, Summary

ALIKE = 0.10  # clients that differ by less, as a share, are alike; by more, with certainty, they differ
LOWER = 1 / (1 + ALIKE) - 1
FEW = 0.01  # share of the arrivals or streams; what so few of them meet is not worth a sentence
HARMLESS = 1.0  # milliseconds: a smaller difference of a latency is none

# what clients hold back has a rule of its own
DELAYS = ("lag", "relative_lag", "send_delay", "to_wire")

Pair = tuple[ClientId, ClientId]


@dataclass(frozen=True)
class Evidence:
    """A run with its summaries. What counts is valid, and neither the reference `floor` nor an A/A control."""

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
        """Return the levels at which two clients or more were measured, or the only one; the lowest first."""
        clients = Counter(s.level for sweep in self.sweeps.values() for s in sweep)
        return sorted(level for level, n in clients.items() if n >= min(2, len(self.sweeps)))

    @cached_property
    def repeats(self) -> Sequence[Repeat]:
        """Return the repeats that count, of each cell one attempt, those of A/A controls and yardsticks too."""
        return repeats_of(self.run.recordings)

    @property
    def compared_at(self) -> Level | None:
        """Return the level at which clients are compared; ``None``: there is nothing to compare.

        It is the highest; of rates the highest that every client keeps up with, if there is one: where a queue grows,
        latencies tell how long it did.
        """
        if len(self.clients) < 2 or not self.levels:
            return None
        stable = [level for level in self.levels if all(map(keeps_up, self.at(level).values()))]
        return (stable or self.levels)[-1]

    @property
    def is_open(self) -> bool:
        """Return whether the levels are rates of an open load."""
        return any(level.rate is not None for level in self.levels)

    def columns(self, names: Sequence[str]) -> list[str]:
        """Return the columns of these names, or those that a run without tokens has in their place."""
        if self.run.info.scenario.workload.has_tokens:
            return list(names)
        return [IN_PLACE.get(name, name) for name in names]

    def at(self, level: Level) -> Mapping[ClientId, Summary]:
        """Return the measurements at one level."""
        return {s.client: s for sweep in self.sweeps.values() for s in sweep if s.level == level}

    @cached_property
    def differences(self) -> Mapping[tuple[Level, str], Mapping[Pair, Change]]:
        """Return, by level and column that answers name, how the second client of every pair differs from the first.

        The error of all of them together is that of one level: the answer is about one.
        """
        found: dict[tuple[Level, str], dict[Pair, Change]] = {}
        pairs = list(combinations(self.clients, 2))
        for pair in pairs:
            # one that the machine held up tells nothing of how much the others vary
            known = [s for s in self.summaries if s.client in pair or s.limited_by is not Limit.MACHINE]
            for level in self.levels:
                at_level = [s for s in known if s.level == level]
                if len({s.client for s in at_level} & set(pair)) == len(pair):
                    of = compare.clients(at_level, *pair, columns=named(), pairs=len(pairs))
                    for change in of.changes:
                        found.setdefault((level, change.column.name), {})[pair] = change
        return found

    def repeats_of(self, summary: Summary) -> list[Repeat]:
        """Return the repeats that a measurement includes."""
        return included(self.repeats, summary)

    def changes(self, level: Level, column: str) -> Mapping[Pair, Change]:
        """Return how the second client of each pair differs from the first in one column."""
        return self.differences.get((level, column), {})

    def held_up(self, level: Level) -> tuple[ClientId, ...]:
        """Return the clients that the machine held up: their latency and CPU are its doing."""
        return tuple(client for client, s in self.at(level).items() if s.limited_by is Limit.MACHINE)

    def different(self, level: Level, column: str) -> dict[Pair, Change]:
        """Return the differences of one column that are beyond the noise, and with the whole interval matter.

        Those of a client that the machine held up count for memory and threads only.
        """
        memory = metrics.column(column).group is Group.MEMORY
        held_up = set[ClientId]() if memory else set(self.held_up(level))
        return {
            pair: change
            for pair, change in self.changes(level, column).items()
            if is_different(change) and not held_up & set(pair)
        }

    def are_alike(self, clients: Iterable[ClientId], level: Level, column: str) -> bool:
        """Return whether each pair of these clients differs, with its whole interval, by too little to matter."""
        changes = self.changes(level, column)
        return all(pair in changes and is_alike(changes[pair]) for pair in combinations(clients, 2))

    def most_alike(self, level: Level, column: str) -> tuple[ClientId, ...]:
        """Return more than half of the clients that are all alike; none where there are no such."""
        group = list(self.clients)
        while 2 * len(group) > len(self.clients) > 1:
            if self.are_alike(group, level, column):
                return tuple(group)
            unlike = {c: sum(not self._pair_alike(c, other, level, column) for other in group) for c in group}
            group.remove(max(group, key=unlike.__getitem__))
        return ()

    def _pair_alike(self, one: ClientId, other: ClientId, level: Level, column: str) -> bool:
        return one == other or self.are_alike((c for c in self.clients if c in (one, other)), level, column)


def overloaded(summary: Summary) -> bool:
    """Return whether more arrived than was served: the backlog grew, or arrivals never started."""
    return limits.grows(summary) or share(summary, "not_started_per_s") > FEW


def keeps_up(summary: Summary) -> bool:
    """Return whether the server carries the rate: no backlog grows, and hardly a stream fails. True of closed loops."""
    return not overloaded(summary) and (summary.level.rate is None or not failed(summary))


def failed(summary: Summary) -> float:
    """Return the share of the streams that failed, 0..1; 0 where so few did that nothing follows from them."""
    found = summary.value("errors_share") or 0.0
    return found if found > FEW else 0.0


def share(summary: Summary, metric: str) -> float:
    """Return what a rate of arrivals is of all of them, 0..1."""
    return (summary.value(metric) or 0.0) / (summary.value("offered_per_s") or 1.0)


def named() -> list[metrics.Column]:
    """Return the compared columns that answers may name."""
    return [of for of in metrics.compared() if of.group is not None and of.metric.key not in DELAYS]


def is_alike(change: Change) -> bool:
    """Return whether the whole interval of a difference is too small to matter."""
    if change.low is None or change.high is None:
        return False
    if not change.relative:
        return change.base == change.head
    harmless = change.column.unit == "ms" and max(-change.low, change.high) * change.base < HARMLESS
    return harmless or (change.low > LOWER and change.high < ALIKE)


def is_different(change: Change) -> bool:
    """Return whether a difference is beyond the noise, and its whole interval large enough to matter."""
    if change.low is None or change.high is None or change.verdict not in ("worse", "better"):
        return False
    return not change.relative or change.low > ALIKE or change.high < LOWER


def over_rounds(summary: Summary, column: str) -> Estimate:
    """Return the figure of all rounds together, with the interval of its mean over rounds."""
    found = effects.never_negative(rounds.values(summary, column).values()) or Estimate()
    return Estimate(summary.value(column), found.low, found.high, found.n)
