"""Axes: a fixed range with ticks at round numbers, linear or logarithmic."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadgen.report.text import tick

LOG_SPAN = 10**1.5


@dataclass(frozen=True, slots=True)
class Axis:
    """A fixed range, and the labels of its ticks by their place."""

    start: float
    end: float
    log: bool
    labels: Mapping[float, str]
    title: str = ""

    @property
    def ticks(self) -> tuple[float, ...]:
        return tuple(self.labels)

    def share(self, value: float) -> float:
        """Return where the value is, from 0 at the start to 1 at the end; below 0 or above 1 where it is outside."""
        if self.log:
            return math.log(value / self.start) / math.log(self.end / self.start) if value > 0 else 0.0
        return (value - self.start) / (self.end - self.start)


def axis(
    values: Sequence[float],
    title: str = "",
    *,
    zero: bool = True,
    log: bool | None = None,
    count: int = 4,
    whole: bool = False,
) -> Axis:
    """Return an axis for ``values``: logarithmic where they span more than one and a half decades, or as ``log`` says.

    A linear axis begins at 0 unless ``zero`` is false, and has about ``count`` ticks; ``whole``: at whole
    numbers only.
    """
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if log is None:
        log = low > 0 and high / low > LOG_SPAN
    if log:
        start, end = low / 1.25, high * 1.25
        ticks = _log_ticks(start, end)
    else:
        if zero:
            low, high = min(low, 0.0), max(high, 0.0)
        if low == high:
            high = low + (abs(low) or 1.0)
        step = max(_step((high - low) / count), 1.0 if whole else 0.0)
        start = math.floor(low / step + 1e-9) * step if not zero or low < 0 else 0.0
        end = high + (high - low) * 0.06
        first = math.ceil(start / step - 1e-9)
        ticks = tuple(round(n * step, 12) for n in range(first, math.floor(end / step + 1e-9) + 1))
    return Axis(start, end, log, {t: tick(t) for t in ticks}, title)


def _step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(step for step in (1, 2, 5, 10) if rough <= step * power * 1.0000001)


def _log_ticks(start: float, end: float) -> tuple[float, ...]:
    decades = math.log10(end / start)
    steps = (1, 2, 5) if decades <= 2 else (1, 3) if decades <= 2.6 else (1,)
    every = max(1, math.ceil(decades / 6))
    powers = range(math.floor(math.log10(start)), math.ceil(math.log10(end)) + 1)
    found = (s * 10.0**p for p in powers if p % every == 0 for s in steps)
    return tuple(float(f"{value:.12g}") for value in found if start <= value <= end)
