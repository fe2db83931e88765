"""The repeats of a run, each with the recordings of all its workers or engines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from loadgen.analysis.machine import disturbance, figures
from loadgen.analysis.measures import Ints, Measured
from loadgen.model import ClientId, ConfidenceCause, Level, Recording, Summary

Key = tuple[ClientId, Level, int]


@dataclass(frozen=True, eq=False)
class Repeat:
    """One repeat of a client at one level: a part for each worker or engine that ran streams of it, or one.

    Each worker has a clock of its own. Times over all parts count from each part's own start, in nanoseconds.
    """

    parts: tuple[Measured, ...]

    @property
    def recording(self) -> Recording:
        """Return the first part's recording; its client, mode, level and repeat are those of all parts."""
        return self.parts[0].recording

    @property
    def key(self) -> Key:
        """Return client, level and number."""
        return _key(self.recording)

    @cached_property
    def window(self) -> tuple[int, int]:
        """Return when the first measured window begins and the last ends."""
        recordings = [m.recording for m in self.parts]
        return min(r.window[0] - r.start for r in recordings), max(r.window[1] - r.start for r in recordings)

    @property
    def window_ns(self) -> int:
        """Return the length of the longest part's window in which CPU was counted."""
        return max(m.window_ns for m in self.parts)

    @property
    def is_open(self) -> bool:
        """Return whether an open load scheduled the streams."""
        return any(m.scheduled.any() for m in self.parts)

    @property
    def not_started(self) -> int:
        """Return how many arrivals were due within the measured window, and never started."""
        return sum(m.recording.not_started for m in self.parts)

    @cached_property
    def start(self) -> Ints:
        """Return when each stream began, parts one after the other."""
        return np.concatenate([m.streams.start - m.recording.start for m in self.parts])

    @cached_property
    def end(self) -> Ints:
        """Return when each stream ended, parts one after the other."""
        return np.concatenate([m.streams.end - m.recording.start for m in self.parts])

    @cached_property
    def open(self) -> tuple[Ints, Ints]:
        """Return the moments at which streams began or ended, and how many were in flight from each on."""
        # at one moment an end goes before a start: a slot's next stream is not a second one
        times = np.concatenate([self.end, self.start])
        steps = np.repeat(np.array([-1, 1]), len(self.start))
        order = np.argsort(times, kind="stable")
        return times[order], np.cumsum(steps[order])

    @cached_property
    def live_peak(self) -> int | None:
        """Return the most streams in flight at once during the window."""
        times, number = self.open
        begin, end = np.searchsorted(times, self.window[0], "right"), np.searchsorted(times, self.window[1])
        return int(number[max(begin - 1, 0) : end].max(initial=0)) or None

    @cached_property
    def live_mean(self) -> float | None:
        """Return the streams in flight, averaged over the window."""
        begin, end = self.window
        if end <= begin:
            return None
        open_ns = np.minimum(self.end, end) - np.maximum(self.start, begin)
        return float(np.clip(open_ns, 0, None).sum() / (end - begin))


def repeats_of(recordings: Iterable[Recording]) -> list[Repeat]:
    """Return the repeats in the order of their first recordings; parts in the order of their workers and engines.

    Of a cell that was measured again, only the least disturbed attempt counts.
    """
    return [least_disturbed(attempts) for attempts in attempts_of(recordings)]


def included(repeats: Iterable[Repeat], summary: Summary) -> list[Repeat]:
    """Return the repeats that a measurement includes."""
    keys = {(summary.client, summary.level, each.repeat) for each in summary.rounds}
    return [repeat for repeat in repeats if repeat.key in keys]


def attempts_of(recordings: Iterable[Recording]) -> list[list[Repeat]]:
    """Return every attempt of each repeat, the first one first."""
    found: dict[Key, dict[int, list[Recording]]] = {}
    for recording in recordings:
        found.setdefault(_key(recording), {}).setdefault(recording.attempt, []).append(recording)
    return [
        [Repeat(tuple(map(Measured, sorted(parts, key=_natural)))) for _, parts in sorted(of.items())]
        for of in found.values()
    ]


def least_disturbed(attempts: Sequence[Repeat]) -> Repeat:
    """Return the attempt that ran to its end and that the machine disturbed least; the first of equal ones.

    Its results do not matter: what is chosen by its result is biased.
    """
    if len(attempts) == 1:
        return attempts[0]
    cut = [any(m.recording.ended for m in of.parts) for of in attempts]
    sizes = [size for size, _ in disturbances(attempts)]
    return attempts[min(range(len(attempts)), key=lambda place: (cut[place], sizes[place]))]


def disturbances(attempts: Sequence[Repeat]) -> list[tuple[float, tuple[ConfidenceCause, ...]]]:
    """Return how much each attempt of one cell was disturbed, and by what, in shares of the same latencies.

    These are the lowest of all attempts: a disturbed attempt has longer ones, of which a shift is a smaller share.
    """
    each = [figures(of.parts) for of in attempts]
    lowest = {name: min((v for of in each if (v := of[name]) is not None), default=None) for name in each[0]}
    return [disturbance(of.parts, lowest) for of in attempts]


def _key(recording: Recording) -> Key:
    return recording.client, recording.level, recording.repeat


def _natural(recording: Recording) -> tuple[list[str | int], int]:
    """Return a key that sorts ``host-2`` before ``host-10``, and engines by their numbers."""
    worker = [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", recording.worker)]
    return worker, recording.engine.number if recording.engine else 0
