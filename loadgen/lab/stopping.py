"""End a cell that tells nothing more: too many of its streams fail, or more arrive than are served.

The rules are in ``docs/trust.md``; ``tests/lab/test_stopping.py`` holds how often they err.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import fmean, median, stdev
from typing import Final

import numpy as np

from loadgen.model import Cell, Listener, RecordingInfo, Stopped, Stream
from loadgen.model.progress import Progress

BINS: Final = 20  # of the time after the warm-up, in which new streams are started
MIN_BIN_S: Final = 1.0
MIN_SHARE: Final = 0.25  # of that time must have passed
MIN_STREAMS: Final = 100  # that began in it
MIN_GROWTH: Final = 0.05  # of the streams that began were left behind, at least
MIN_TTFT: Final = 1.5  # times the TTFT of the first quarter is that of the last, at least
# Student's t above which a mean is positive: one-sided, 1 %, for 4 to 19 degrees of freedom.
_T: Final = (
    *(3.747, 3.365, 3.143, 2.998, 2.896, 2.821, 2.764, 2.718),
    *(2.681, 2.650, 2.624, 2.602, 2.583, 2.567, 2.552, 2.539),
)
_RATES: Final = ("constant", "poisson", "gamma")  # loads whose rate does not change by itself


def rises(values: Sequence[float]) -> bool:
    """Return whether the series drifts upwards: the mean step between neighbours is positive (t-test, 1 %).

    Steps, not the values themselves: those of a queue depend on one another, so that one which merely wanders shows a
    trend in every other test. The steps of a stable queue pull it back, which makes the test err less.
    """
    steps = [after - before for before, after in pairwise(values)]
    degrees = len(steps) - 1
    if degrees < 4:
        return False
    mean, spread = fmean(steps), stdev(steps)
    return mean > 0 and mean > _T[min(degrees - 4, len(_T) - 1)] * spread / (degrees + 1) ** 0.5


def began_to_rise(times: Sequence[float], values: Sequence[float]) -> float:
    """Return the time at which a line that is level before and rises evenly after fits the values best."""
    at, of = np.array(times), np.array(values)
    errors = []
    for begin in at[:-1]:
        line = np.column_stack([np.ones_like(at), np.clip(at - begin, 0, None)])
        errors.append(((of - line @ np.linalg.lstsq(line, of)[0]) ** 2).sum())
    return float(at[int(np.argmin(errors))])


class Overload:
    """Whether arrivals at one rate are too many: in bins of time, in-flight streams and TTFT both rise.

    ``seconds`` is how long streams are started, the first ``warmup`` of them excluded; ``rate`` is per second.
    """

    def __init__(self, seconds: float, warmup: float, rate: float) -> None:
        self._rate = rate
        self._begin, self._end = warmup, seconds
        self._bin = max((seconds - warmup) / BINS, MIN_BIN_S)
        self._first = warmup + MIN_SHARE * (seconds - warmup)
        self._next = warmup
        self._new: list[tuple[float, float]] = []
        self._times: list[float] = []
        self._in_flight: list[float] = []  # with those that wait to be started
        self._begun: list[int] = []
        self._ttft: list[float] = []

    def ended(self, ttft_s: float, held_s: float) -> None:
        """Add a stream: its first token after it was due, and how long it waited for others to end."""
        self._new.append((ttft_s, held_s))

    def since(self, progress: Progress) -> float | None:
        """Return when in-flight streams began to rise, in seconds; ``None`` as long as they do not, with TTFT."""
        now = progress.elapsed
        if now < self._next or now > self._end:
            return None
        self._next = max(self._next + self._bin, now)
        if self._times and self._new:
            self._ttft.append(median(ttft for ttft, _ in self._new))
        held = median(held for _, held in self._new) if self._new else 0.0
        self._new = []
        self._times.append(now)
        self._in_flight.append(progress.open + self._rate * held)
        self._begun.append(progress.ended + progress.open)
        return began_to_rise(self._times, self._in_flight) if now >= self._first and self._rise() else None

    def _rise(self) -> bool:
        begun = self._begun[-1] - self._begun[0]
        grown = self._in_flight[-1] - self._in_flight[0]
        quarter = max(1, len(self._ttft) // 4)
        return (
            begun >= MIN_STREAMS
            and grown > MIN_GROWTH * begun
            and rises(self._in_flight)
            and rises(self._ttft)
            and fmean(self._ttft[-quarter:]) > MIN_TTFT * fmean(self._ttft[:quarter])
        )


class StopRules(Listener):
    """Hears how a cell goes; ``stopped`` is set when it is to end."""

    def __init__(self, cell: Cell) -> None:
        self.stopped: Stopped | None = None
        self._stop = cell.workload.stop
        load, rate = cell.workload.load, cell.level.rate
        self._overload: Overload | None = None
        if self._stop.overload and rate and load.kind in _RATES and load.duration and not load.rates:
            self._overload = Overload(load.duration, load.warmup, rate)

    def ended(self, streams: Sequence[Stream], of: Callable[[], RecordingInfo]) -> None:  # noqa: ARG002
        if self._overload is not None:
            for stream in streams:
                if (first := stream.first_token) is not None:
                    self._overload.ended((first - stream.due) / 1e9, (stream.held_ns or 0) / 1e9)

    def progress(self, progress: Progress) -> None:
        if self.stopped is None:
            self.stopped = self._errors(progress) or self._rising(progress)

    def _errors(self, now: Progress) -> Stopped | None:
        most = self._stop.errors
        if most is None or now.ended < self._stop.after or now.failed <= most * now.ended:
            return None
        return Stopped(why="errors", at_s=now.elapsed, failed=now.failed, streams=now.ended)

    def _rising(self, now: Progress) -> Stopped | None:
        since = self._overload.since(now) if self._overload else None
        return None if since is None else Stopped(why="overload", at_s=now.elapsed, since_s=since)
