"""The search for the highest level that each client carries within a budget: double, then halve the bracket.

Pure: ``measure`` runs one cell and returns its reading. :mod:`loadgen.capacity.measure` has the real one.
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

CLEAR: Final = 1 / 3  # share of the budget below which one cell is enough while the level still doubles
MAX_OBSTRUCTED: Final = 4  # cells of one step with an obstacle before the search stops
MIN_CHECKS: Final = 2  # cells next to the limit, above it and below, that may disprove it
MAX_CHECKS: Final = 4  # cells next to the limit in all, where its interval is wider than the precision

Stopped = Literal["budget", "highest", "interrupted"] | Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Where the search begins, its bounds, and the relative width of the bracket that it leaves.

    A level is a number of streams, or a rate in arrivals per second where ``rate``.
    """

    start: float
    highest: float
    lowest: float = 1
    precision: float = 0.10
    rate: bool = False

    def rounded(self, value: float) -> float:
        """Return the next level that can be measured, within the bounds."""
        near = float(f"{value:.3g}") if self.rate else round(value)
        return min(max(self.lowest, near), self.highest)

    def level(self, value: float) -> Level:
        """Return the level that ``value`` stands for."""
        return Level(rate=value) if self.rate else Level(streams=int(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What a search knows of one client, and why it ended.

    Levels are their values. ``at_least`` was within the budget, ``below`` was over it; ``bound`` broke there.
    ``tried`` is the step that was not decided, because of ``obstacle`` or an interruption.
    """

    client: ClientId
    limit: Limit | None
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

    ``low`` is the highest level found within the budget and ``high`` the lowest above that found over it, each by the
    majority of their cells; 0 and ``None`` before there are any. ``stuck`` is the last reading of a step that an
    obstacle kept from being decided.
    """

    def __init__(self, client: ClientId, rules: Rules) -> None:
        self.client = client
        self.rules = rules
        self.readings: list[Reading] = []
        self.low = 0.0
        self.high: float | None = None
        self.stuck: Reading | None = None
        self._cells = self._decide()
        self.next = next(self._cells, None)

    def add(self, reading: Reading) -> None:
        """Add the reading of the cell that ``next`` requested."""
        assert reading.level.value == self.next
        self.readings.append(reading)
        self.next = next(self._cells, None)

    def at(self, value: float) -> list[Reading]:
        """Return the readings of one step."""
        return [reading for reading in self.readings if reading.level.value == value]

    def _decide(self) -> Iterator[float]:
        """Yield the level of each next cell: repeat a step until it is decided, then go to the next one.

        At the end, measure next to the limit, above and below in turn: to check it, and while its interval is wide.
        """
        step: float | None = self.rules.start
        while step:
            while (within := self._within(step)) is None:
                if sum(not reading.counts for reading in self.at(step)) == MAX_OBSTRUCTED:
                    self.stuck = self.readings[-1]
                    return
                yield step
            self.low, self.high = (step, self.high) if within else (self.low, step)
            step = self._following()
        for check in range(MAX_CHECKS):
            limit = curves.limit(self.readings)
            if limit is None or (check >= MIN_CHECKS and limit.within(self.rules.precision)):
                return
            beside = limit.value * (1 + self.rules.precision) ** (-1 if check % 2 else 1)
            yield self.rules.rounded(beside)

    def _within(self, step: float) -> bool | None:
        """Return the verdict of most of the cells that count; ``None`` where there are too few."""
        included = [reading for reading in self.at(step) if reading.counts]
        within = sum(reading.verdict == "within" for reading in included)
        over = len(included) - within
        if self.high is None and not over and any((reading.use or 0.0) <= CLEAR for reading in included):
            return True
        return within > over if len(included) >= 2 and within != over else None

    def _following(self) -> float | None:
        rules = self.rules
        if self.high is None:
            return rules.rounded(2 * self.low) if self.low < rules.highest else None
        if not self.low:
            return rules.rounded(self.high / 2) if self.high > rules.lowest else None
        middle = rules.rounded(math.sqrt(self.low * self.high))
        narrow = self.high <= self.low * (1 + rules.precision) or middle in (self.low, self.high)
        return None if narrow else middle

    def result(self) -> Capacity:
        """Return what is known now; it has a limit once the search has ended within a bracket."""
        stopped: Stopped = "budget" if self.high else "highest"
        if self.next:
            stopped = "interrupted"
        if self.stuck:
            stopped = self.stuck.verdict
        over = [reading for reading in self.readings if reading.verdict == "over"]
        decisive = max(over, key=lambda reading: reading.level.value == self.high, default=None)
        return Capacity(
            client=self.client,
            limit=curves.limit(self.readings) if self.low and self.high and not self.next else None,
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
