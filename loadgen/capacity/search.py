"""The search for the highest level that each client carries: double, halve the bracket, then confirm from above.

A level is a number of streams, or of arrivals per second. The limit is the highest level at which every one of several
cells holds: a client that collapses at random at a level is over its limit there. Pure: ``measure`` runs one cell and
returns its reading; :mod:`loadgen.capacity.measure` has the real one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from loadgen.capacity import curves
from loadgen.capacity.curves import Limit
from loadgen.capacity.readings import Bound, Obstacle, Reading, Verdict
from loadgen.model import ClientId, Level

CLEAR: Final = 1 / 3  # share of the budget up to which one cell at the highest level of all is enough
NARROW: Final = (
    1.15  # from the highest level that held to the lowest that did not, from where on all are tried
)
PATIENCE: Final = 6  # levels that fail one after the other, after which twice the distance is taken
MAX_OBSTRUCTED: Final = 4  # cells of one level with an obstacle before the search stops

Stopped = Literal["budget", "highest", "interrupted"] | Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Where the search begins, its bounds, the relative distance of levels, and how many cells confirm one.

    A level is a number of streams, or a rate in arrivals per second where ``rate``.
    """

    start: float
    highest: float
    lowest: float = 1
    precision: float = 0.05
    confirm: int = 5
    rate: bool = False

    def rounded(self, value: float) -> float:
        """Return the next level that can be measured, within the bounds."""
        near = float(f"{value:.3g}") if self.rate else round(value)
        return min(max(self.lowest, near), self.highest)

    def below(self, value: float, steps: int = 1) -> float | None:
        """Return the level ``steps`` below ``value``; ``None`` where there is none."""
        if value <= self.lowest:
            return None
        lower = self.rounded(value / (1 + self.precision) ** steps)
        return lower if lower < value else self.rounded(value - 1)

    def level(self, value: float) -> Level:
        """Return the level that ``value`` stands for."""
        return Level(rate=value) if self.rate else Level(streams=int(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What a search knows of one client, and why it ended.

    ``limit`` is the highest level at which each of several cells held, and the interval in which 95 of 100
    other searches find it; ``half`` the level at which half of the cells hold, with its 95 % interval. All levels are
    their values. At ``at_least`` cells held, at ``below`` one did not; ``bound`` broke there.
    ``tried`` is the level that was not decided, because of ``obstacle`` or an interruption.
    """

    client: ClientId
    limit: Limit | None
    half: Limit | None = None
    at_least: float | None
    below: float | None
    stopped: Stopped
    bound: Bound | None = None
    obstacle: Obstacle | None = None
    tried: float | None
    cells: int


class SearchListener:
    """Is notified of the search's progress: a cell starts or has its reading, the user ends it, a message."""

    def step_begins(self, client: ClientId, level: Level) -> None: ...
    def step_ends(self, reading: Reading) -> None: ...
    def interrupted(self) -> None: ...
    def note(self, text: str) -> None: ...


class Search:
    """The search of one client: run a cell at the level ``next``, ``add`` its reading; ``next`` is ``None`` at the end.

    ``low`` is the highest level that held with none failing below, and ``high`` the lowest that failed; 0 and ``None``
    before there are any. ``confirmed``: ``low`` held in all of its cells. ``stuck`` is the last reading of a level that
    an obstacle kept from being decided.
    """

    def __init__(self, client: ClientId, rules: Rules) -> None:
        self.client = client
        self.rules = rules
        self.readings: list[Reading] = []
        self.low: float = 0
        self.high: float | None = None
        self.confirmed = False
        self.stuck: Reading | None = None
        self._cells = self._decide()
        self.next = next(self._cells, None)

    def add(self, reading: Reading) -> None:
        """Add the reading of the cell that ``next`` requested."""
        assert reading.level.value == self.next
        self.readings.append(reading)
        self.next = next(self._cells, None)

    def at(self, level: float) -> list[Reading]:
        """Return the readings of one level."""
        return [reading for reading in self.readings if reading.level.value == level]

    def _decide(self) -> Iterator[float]:
        """Yield the level of each next cell: one cell decides on the way, ``confirm`` cells at the end."""
        level: float | None = self.rules.start
        while level:
            yield from self._until(level, 1)
            if self.stuck:
                return
            level = self._following()
        yield from self._confirm()

    def _until(self, level: float, cells: int) -> Iterator[float]:
        """Yield ``level`` until so many of its cells held, one failed, or an obstacle stays."""
        while self._holds(level) is not False and len(self._counting(level)) < cells:
            if sum(not reading.counts for reading in self.at(level)) == MAX_OBSTRUCTED:
                self.stuck = self.readings[-1]
                return
            yield level
        self._bracket()

    def _counting(self, level: float) -> list[Reading]:
        return [reading for reading in self.at(level) if reading.counts]

    def _holds(self, level: float) -> bool | None:
        """Return whether every cell of the level that counts held; ``None`` without one."""
        found = self._counting(level)
        return all(reading.verdict == "within" for reading in found) if found else None

    def _bracket(self) -> None:
        levels = {reading.level.value for reading in self.readings}
        self.high = min((level for level in levels if self._holds(level) is False), default=None)
        lower = [level for level in levels if self._holds(level) and (not self.high or level < self.high)]
        self.low = max(lower, default=0)

    def _following(self) -> float | None:
        """Return the level that comes next on the way to a narrow bracket; ``None`` when it is."""
        if self.high is None:
            return self.rules.rounded(2 * self.low) if self.low < self.rules.highest else None
        if not self.low:
            return self.rules.rounded(self.high / 2) if self.high > self.rules.lowest else None
        middle = self.rules.rounded(math.sqrt(self.low * self.high))
        return None if self.high <= self.low * NARROW or middle in (self.low, self.high) else middle

    def _confirm(self) -> Iterator[float]:
        """Try the levels from the top down until one holds in all of its cells."""
        level = self.rules.highest if self.high is None else self._below(self.high)
        if self.high is None and any((each.use or 0.0) <= CLEAR for each in self._counting(self.low)):
            return
        failed = 0
        while level is not None:
            yield from self._until(level, self.rules.confirm)
            if self.stuck or self._holds(level):
                self.confirmed = not self.stuck
                return
            failed += 1
            level = self._below(level, 1 << failed // PATIENCE)

    def _below(self, level: float, steps: int = 1) -> float | None:
        """Return the next level below ``level``, rather one that has held already; ``None`` where there is none."""
        return max(
            (value for value in (self.low, self.rules.below(level, steps)) if value and value < level),
            default=None,
        )

    def result(self) -> Capacity:
        """Return what is known now; it has a limit once the search has ended below a level that failed."""
        stopped: Stopped = "budget" if self.high else "highest"
        if self.next:
            stopped = "interrupted"
        if self.stuck:
            stopped = self.stuck.verdict
        over = [reading for reading in self.readings if reading.verdict == "over"]
        decisive = max(over, key=lambda reading: reading.level.value == self.high, default=None)
        limit = half = None
        if self.confirmed and self.high is not None:
            limit, half = curves.limits(self.readings, self.low, self.rules.confirm, self.rules.precision)
        return Capacity(
            client=self.client,
            limit=limit,
            half=half,
            at_least=self.low or None,
            below=self.high,
            stopped=stopped,
            bound=decisive.bound if decisive and stopped == "budget" else None,
            obstacle=self.stuck.obstacle if self.stuck else None,
            tried=self.stuck.level.value if self.stuck else self.next,
            cells=len(self.readings),
        )


def search(
    searches: Sequence[Search],
    seed: int,
    measure: Callable[[ClientId, float, int], Reading],
    on_reading: Callable[[Reading], None] = lambda _: None,
    interrupted: Callable[[], bool] = lambda: False,
) -> None:
    """Run ``searches`` to their ends, one cell of each in turn, so that a noisy minute does not hit one client alone.

    ``measure(client, value, repeat)`` runs a cell; ``repeat`` counts the client's cells at that level, and
    selects the schedule. The order within a turn is seeded. A cell that was ``interrupted`` early is dropped.
    """
    chance = random.Random(f"{seed}/limit")
    while going := [each for each in searches if each.next is not None]:
        for each in chance.sample(going, len(going)):
            if interrupted():
                return
            assert each.next is not None
            reading = measure(each.client, each.next, len(each.at(each.next)))
            if interrupted() and not reading.counts:
                return
            each.add(reading)
            on_reading(reading)
