"""The streams of a recorded run, one after the other."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from loadgen.model import Level, Replay, ReplayLevel
from loadgen.model.replay import nearest
from loadgen.model.scenario import FAULTS

_NAMES: Final = (None, *FAULTS)


class Replayed(NamedTuple):
    """One stream: nanoseconds before its first event, between events, and after the last; and how it ended."""

    times: array[int]
    fault: str | None

    @property
    def tokens(self) -> int:
        """Return how many events it has."""
        return len(self.times) - 1


class Streams:
    """The streams of the level that is measured, in the order recorded, from a seeded one on, over and over."""

    def __init__(self, replay: Replay, seed: int) -> None:
        self._levels = {each.level: list(_unpacked(each)) for each in replay.levels}
        self._seed = seed
        self.use(None)

    def use(self, level: Level | None) -> None:
        """Go over to the recorded level nearest to ``level``; to all of them where none is of its kind."""
        found = nearest(level, self._levels) if level else None
        chosen = [self._levels[found]] if found else self._levels.values()
        self._streams = [stream for streams in chosen for stream in streams]
        self._first = Random(f"{self._seed}:replay").randrange(len(self._streams))

    def __getitem__(self, n: int) -> Replayed:
        return self._streams[(self._first + n) % len(self._streams)]


def _unpacked(level: ReplayLevel) -> Iterator[Replayed]:
    data, number = zlib.decompress(level.times), level.streams
    counts, us = array("i", data[: 4 * number]), array("i", data[5 * number :])
    at = 0
    for count, fault in zip(counts, data[4 * number : 5 * number], strict=True):
        yield Replayed(array("q", (1000 * each for each in us[at : at + count + 1])), _NAMES[fault])
        at += count + 1
