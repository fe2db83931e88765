"""Forest plots: a row for each value with its interval, on one axis with the line that decides.

Places are percentages of a plot's width, so that the page can be of any.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loadgen.report.charts import axes
from loadgen.report.charts.axes import Axis
from loadgen.report.language import _
from loadgen.report.text import beside, clauses, joined, with_interval

FAR_TIMES = 4.0  # how far beyond all values the axis follows an interval: so many times on a logarithmic one,
FAR_SHARE = 0.5  # this share of their range on a linear one
MIN_TICKS = 3

Result = Literal["supports", "contradicts", "undecided", "once", "quiet"]
WORDS: dict[Result, str] = {
    "supports": "supports it",
    "contradicts": "contradicts it",
    "undecided": "undecided",
    "once": "measured once",
    "quiet": "",
}


@dataclass(frozen=True, slots=True)
class Point:
    """A value to plot. ``result`` is ``once`` without an interval, ``quiet`` where no line decides."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    result: Result = "quiet"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Where a point is on its axis; ``cut`` says at which ends the interval goes on beyond the plot."""

    point: Point
    dot: float | None
    bar: tuple[float, float] | None = None
    cut: tuple[bool, bool] = (False, False)


@dataclass(frozen=True, slots=True)
class Plot:
    """Points on one axis; ``tint`` is the range that supports the claim, ``notes`` are those of single rows."""

    title: str
    unit: str
    criterion: str
    line: float
    tint: tuple[float, float]
    ticks: tuple[tuple[float, str], ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    alternative: str


def plot(
    title: str,
    unit: str,
    points: Sequence[Point],
    *,
    line: float,
    direction: Literal["above", "below", "within"],
    criterion: str,
    log: bool,
) -> Plot:
    """Return the points on one axis with the line. ``within``: 1 / line to line."""
    axis = axis_of(points, [line, *([1.0] if log else [])], log=log)
    notes: dict[str, list[str]] = {}
    for point in points:
        notes.setdefault(point.note, []).append(point.label)
    if len(notes) == 1 and "" not in notes:
        criterion, notes = clauses([criterion, points[0].note]), {}
    words = [beside(f"{p.label} {with_interval(p.value, p.low, p.high)}", _(WORDS[p.result])) for p in points]
    return Plot(
        title=title,
        unit=unit,
        criterion=criterion,
        line=place(axis, line),
        tint=_tint(axis, line, direction),
        ticks=ticks(axis),
        rows=tuple(row(point, axis) for point in points),
        notes=tuple(
            _("{where}: {reason}").format(where=joined(of), reason=note) for note, of in notes.items() if note
        ),
        alternative=f"{title}, {unit}, {criterion}: {clauses(words)}",
    )


def axis_of(points: Sequence[Point], marks: Sequence[float], *, log: bool) -> Axis:
    """Return an axis that holds all values and ``marks``, and of their intervals as much as leaves those readable."""
    values = [*marks, *(p.value for p in points if p.value is not None and math.isfinite(p.value))]
    bounds = [b for p in points for b in (p.low, p.high) if b is not None and math.isfinite(b)]
    if log:
        values, bounds = ([v for v in of if v > 0] for of in (values, bounds))
        low, high = min(values) / FAR_TIMES, max(values) * FAR_TIMES
    else:
        values.append(0.0)
        far = FAR_SHARE * ((max(values) - min(values)) or 1.0)
        low, high = min(values) - far, max(values) + far
    return axes.axis([*values, *(min(max(bound, low), high) for bound in bounds)], log=log)


def place(axis: Axis, value: float) -> float:
    """Return the percentage of the width, 0 and 100 beyond the ends."""
    return round(100 * min(max(axis.share(value), 0.0), 1.0), 2)


def ticks(axis: Axis) -> tuple[tuple[float, str], ...]:
    """Return the place and label of each tick; evenly apart where a logarithmic axis would have hardly any."""
    if axis.log and len(axis.ticks) < MIN_TICKS:
        even = axes.axis([axis.start, axis.end], zero=False, log=False, count=3)
        return tuple((place(axis, at), even.labels[at]) for at in even.ticks if axis.start < at < axis.end)
    return tuple((place(axis, at), axis.labels[at]) for at in axis.ticks)


def row(point: Point, axis: Axis) -> Row:
    """Return the point on its axis."""
    dot = None if point.value is None else place(axis, point.value)
    if point.low is None or point.high is None:
        return Row(point, dot)
    bar = place(axis, point.low), place(axis, point.high)
    return Row(point, dot, bar, (point.low < axis.start, point.high > axis.end))


def _tint(axis: Axis, line: float, direction: Literal["above", "below", "within"]) -> tuple[float, float]:
    if direction == "above":
        return place(axis, line), 100.0
    return place(axis, 1 / line) if direction == "within" else 0.0, place(axis, line)
