"""Every compared metric over the levels: a line for each client and side, base dashed, head solid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bokeh.models import Line, Scatter, Segment

from loadgen.analysis import effects, rounds
from loadgen.analysis.compare import MIN_REPEATS
from loadgen.report.charts.axes import Axis, axis
from loadgen.report.charts.scaling import levels
from loadgen.report.charts.style import Chart, draw, ends, hover, plot
from loadgen.report.comparison.sentences import scale
from loadgen.report.text import figure, plain, tick

if TYPE_CHECKING:
    from loadgen.analysis.metrics import Column
    from loadgen.model import Level, Summary
    from loadgen.report.client_style import ClientStyle, Styles
    from loadgen.report.comparison.view import ComparisonView

HEIGHT = 226
_BOTTOM = 44
_ROOM = 86
_INTERVAL_ROOM = 2.0  # an interval may stretch the axis to this many times the greatest value


@dataclass(frozen=True, slots=True)
class _Point:
    level: Level
    value: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class _Line:
    """One client on one side."""

    style: ClientStyle
    head: bool
    points: tuple[_Point, ...]


def charts(view: ComparisonView, styles: Styles) -> list[Chart]:
    """Return a chart for each metric that both sides have."""
    return [_chart(column, list(_lines(column, view, styles)), view) for column in view.comparison.columns]


def _lines(column: Column, view: ComparisonView, styles: Styles) -> Iterator[_Line]:
    changes = view.comparison.changes
    sides = (
        (view.base_summaries, {(c.base_client, c.level) for c in changes}),
        (view.head_summaries, {(c.client, c.level) for c in changes}),
    )
    for head, (summaries, cells) in enumerate(sides):
        compared = [s for s in summaries if (s.client, s.level) in cells]
        for client, sweep in rounds.sweeps(compared).items():
            points = tuple(point for s in sweep if (point := _point(column, s)) is not None)
            if points:
                yield _Line(styles[client], bool(head), points)


def _point(column: Column, summary: Summary) -> _Point | None:
    """Return the mean over rounds, geometric where all values are positive, with an interval from three rounds on."""
    values = list(rounds.values(summary, column.name).values())
    log = bool(values) and min(values) > 0 and column.metric.kind != "share"
    found = effects.times(map(math.log, values)) if log else effects.mean(values)
    if found is None:
        return None
    scaled, unit = scale(column)
    value, text = scaled * found.value, f"{figure(scaled * found.value)} {unit}"
    low = high = value
    if found.low is not None and found.high is not None and len(values) >= MIN_REPEATS:
        low, high = scaled * found.low, scaled * found.high
        text += f" (95 % interval {figure(low)} to {figure(high)})"
    return _Point(summary.level, value, low, high, f"{text}, {summary.validity}")


def _chart(column: Column, lines: Sequence[_Line], view: ComparisonView) -> Chart:
    x = _places(list(view.cells))
    y = _value_axis(column, [point for line in lines for point in line.points])
    made = plot(x, y, HEIGHT, right=_ROOM, bottom=_BOTTOM)
    renderers = []
    for place, line in enumerate(lines):
        # Apart, so that none hides another's interval: the sides of a sweep, or all lines of a single level.
        aside = (
            0.8 * ((place + 0.5) / len(lines) - 0.5)
            if len(view.cells) == 1
            else 0.008
            if line.head
            else -0.008
        )
        side = plain(view.head if line.head else view.base, 60)
        data = {
            "x": [_moved(x, point.level.value, aside) for point in line.points],
            "y": [point.value for point in line.points],
            "low": [max(point.low, y.start) for point in line.points],
            "high": [min(point.high, y.end * 1.5) for point in line.points],
            "client": [line.style.label] * len(line.points),
            "text": [f"{side}: {point.text}" for point in line.points],
        }
        alpha, dash = (1.0, "solid") if line.head else (0.6, "dashed")
        draw(
            made,
            Segment(x0="x", y0="low", x1="x", y1="high", line_alpha=0.5 * alpha),
            data,
            line.style.variable,
        )
        draw(
            made,
            Line(x="x", y="y", line_width=1.75, line_alpha=alpha, line_dash=dash),
            data,
            line.style.variable,
        )
        glyph = Scatter(x="x", y="y", size=7, marker=line.style.marker, line_width=1.5)
        if not line.head:
            glyph.fill_color = None
        renderers.append(draw(made, glyph, data, line.style.variable))
    hover(made, renderers, [("", "@client"), ("", "@text")])
    texts = "; ".join(
        f"{line.style.label}, {'head' if line.head else 'base'}: "
        + ", ".join(f"{figure(point.value)} at {point.level}" for point in line.points)
        for line in lines
    )
    last = [(line.style, line.points[-1].value) for line in lines if line.head]
    alternative = f"{column.label} in {scale(column)[1]}, base and head. {texts}."
    return Chart(column.label, scale(column)[1], made, alternative, ends(y, HEIGHT, _BOTTOM, last), _ROOM)


def _places(measured: Sequence[Level]) -> Axis:
    if len(measured) > 1:
        return levels(measured)
    at = measured[0].value
    return Axis(at - 1, at + 1, False, (at,), {at: tick(at)}, "streams at once")


def _moved(x: Axis, at: float, aside: float) -> float:
    return at * (x.end / x.start) ** aside if x.log else at + (x.end - x.start) * aside


def _value_axis(column: Column, points: Sequence[_Point]) -> Axis:
    values = [point.value for point in points]
    edges = [edge for point in points for edge in (point.low, point.high)]
    least, most = min(values) / _INTERVAL_ROOM, max(values) * _INTERVAL_ROOM
    return axis([*values, *(edge for edge in edges if max(least, 0) <= edge <= most)], scale(column)[1])
