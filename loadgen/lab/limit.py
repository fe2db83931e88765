"""The search for the most streams that each client carries within a budget: doubling, then halving the bracket.

Pure: ``measure`` runs one cell and gives its reading; where it runs it is not known here. :mod:`loadgen.lab.steps`
has the real one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from loadgen.analysis import crossover
from loadgen.analysis.crossover import Found, Stopped
from loadgen.analysis.steps import Reading

CLEAR: Final = 1 / 3  # share of the budget below which one cell tells enough on the way up
TRIES: Final = 4  # cells of one step in which another than the client was at fault, before the search stops
CHECKS: Final = 2  # cells beside the limit, above it and below, that may disprove it
MORE: Final = 4  # cells that may be there in all where its interval is wider than the precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Where the search begins, the most streams that it may ask for, and how narrow it leaves the bracket."""

    start: int
    most: int
    precision: float = 0.10


class Search:
    """One client's way to its limit: ``next`` is how many streams its next cell is to have, ``None`` when nothing
    is left to ask; ``hear`` is told what came of it.

    ``low`` is the most streams found within the budget and ``high`` the fewest above that found over it, by the
    median of their cells; 0 and ``None`` until there are such. ``stuck`` is the last reading of a step that it
    could not get past for another's fault.
    """

    def __init__(self, client: str, rules: Rules) -> None:
        self.client = client
        self.rules = rules
        self.readings: list[Reading] = []
        self.low = 0
        self.high: int | None = None
        self.stuck: Reading | None = None
        self.next: int | None = min(rules.start, rules.most)
        self._more = 0
        self._narrow = False

    def hear(self, reading: Reading) -> None:
        """The reading of the cell that ``next`` asked for."""
        assert reading.streams == self.next
        self.readings.append(reading)
        self.next = self._nearer() if self._narrow else self._onward(reading)

    def at(self, streams: int) -> list[Reading]:
        """The readings of one step."""
        return [reading for reading in self.readings if reading.streams == streams]

    def _onward(self, last: Reading) -> int | None:
        """The same step again until it is decided, then the next one."""
        step = self.at(last.streams)
        within = self._within(step)
        if within is None:
            if sum(not reading.counts for reading in step) < TRIES:
                return last.streams
            self.stuck = last if not last.counts else next(r for r in step if not r.counts)
            return None
        if within:
            self.low = last.streams
        else:
            self.high = last.streams
        following = self._following()
        if following is not None:
            return following
        self._narrow = True
        return self._nearer()

    def _within(self, step: Sequence[Reading]) -> bool | None:
        """By most of its cells that count; None while too few do."""
        counted = [reading for reading in step if reading.counts]
        within = sum(reading.verdict == "within" for reading in counted)
        over = len(counted) - within
        if self.high is None and not over and any((reading.use or 0.0) <= CLEAR for reading in counted):
            return True
        return within > over if len(counted) >= 2 and within != over else None

    def _following(self) -> int | None:
        if self.high is None:
            return min(2 * self.low, self.rules.most) if self.low < self.rules.most else None
        if not self.low:
            return self.high // 2 or None
        middle = round(math.sqrt(self.low * self.high))
        narrow = self.high <= self.low * (1 + self.rules.precision) or middle in (self.low, self.high)
        return None if narrow else middle

    def _nearer(self) -> int | None:
        """Beside the limit, on either side of it by turns: to check it, and while its interval is wide."""
        limit = crossover.limit(self.readings)
        checked = limit is not None and self._more >= CHECKS and limit.within(self.rules.precision)
        if limit is None or checked or self._more == MORE:
            return None
        self._more += 1
        beside = limit.streams * (1 + self.rules.precision) ** (1 if self._more % 2 else -1)
        return min(max(1, round(beside)), self.rules.most)

    def found(self) -> Found:
        """What is known now; a limit once the search has ended within a bracket."""
        over = [reading for reading in self.readings if reading.verdict == "over"]
        stopped: Stopped
        if self.stuck is not None:
            stopped, reason = self.stuck.verdict, self.stuck.reason
        elif self.next is not None:
            stopped, reason = "interrupted", ""
        elif self.high is None:
            stopped, reason = "most", ""
        else:
            stopped, reason = "budget", max(over, key=lambda reading: reading.streams == self.high).by
        ended = self.next is None and self.low > 0 and self.high is not None
        return Found(
            client=self.client,
            limit=crossover.limit(self.readings) if ended else None,
            at_least=self.low or None,
            below=self.high,
            stopped=stopped,
            reason=reason,
            tried=self.stuck.streams if self.stuck else self.next,
            cells=len(self.readings),
        )


def search(
    searches: Sequence[Search],
    seed: int,
    measure: Callable[[str, int, int], Reading],
    *,
    heard: Callable[[Reading], None] = lambda _: None,
    interrupted: Callable[[], bool] = lambda: False,
) -> None:
    """Bring ``searches`` to their ends, a cell of each by turns in a seeded order, so that a noisy minute does not
    hit one client alone.

    ``measure(client, streams, repeat)`` runs a cell; ``repeat`` counts the client's cells of so many streams, and
    names the schedule. A cell that was ``interrupted`` before its end is not heard.
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
            each.hear(reading)
            heard(reading)
