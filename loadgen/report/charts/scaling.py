"""The drawn metrics over the levels, a line per client; dots where there is one level only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bokeh.models import Line, Scatter, Segment

from loadgen.analysis.metrics import Column, Metric, column, metrics
from loadgen.analysis.metrics.lag import LAG, RELATIVE_LAG
from loadgen.report.charts.axes import Axis, axis
from loadgen.report.charts.style import BORDER_TOP, Chart, Mark, draw, ends, hover, plot
from loadgen.report.columns import rank_of, scaled, title_of, unit_of
from loadgen.report.text import figure, interval, plain, tick

if TYPE_CHECKING:
    from loadgen.model import Level, Summary
    from loadgen.report.client_style import Styles

HEIGHT = 226
_BOTTOM = 44
_ROOM = 104
_ROW = 26
_INTERVAL_ROOM = 2.0  # an interval may stretch the axis to this many times the largest value


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One column of the metric table as a chart has it."""

    column: Column

    def value(self, summary: Summary) -> float | None:
        return scaled(self.column, summary.value(self.column.name))

    def interval(self, summary: Summary) -> tuple[float, float] | None:
        found = summary[self.column.name]
        low, high = scaled(self.column, found.low), scaled(self.column, found.high)
        return None if low is None or high is None else (low, high)

    def text(self, summary: Summary, value: float, rank: str = "") -> str:
        """Return what the pointer shows over a mark."""
        pair = self.interval(summary)
        between = f" (95 % interval {interval(*pair)})" if pair else ""
        return f"{rank}{figure(value)} {unit_of(self.column.metric)}{between}, {summary.validity}".strip()


def latencies(summaries: Sequence[Summary], styles: Styles) -> list[Chart]:
    """Return the charts of latencies; without a common clock, those of the relative lag in place of the lag."""
    absolute = any(s.value(LAG.column(50)) is not None for s in summaries)
    found = [m for m in metrics() if m.topic != "cost" and m.drawn]
    return _charts([RELATIVE_LAG if m is LAG and not absolute else m for m in found], summaries, styles)


def costs(summaries: Sequence[Summary], styles: Styles) -> list[Chart]:
    """Return the charts of what the client used."""
    return _charts([m for m in metrics() if m.topic == "cost" and m.drawn], summaries, styles)


def _charts(found: Sequence[Metric], summaries: Sequence[Summary], styles: Styles) -> list[Chart]:
    drawn = [
        (m, [_Drawn(column(m.column(rank))) for rank in (LAG if m is RELATIVE_LAG else m).drawn])
        for m in found
    ]
    if len({s.level for s in summaries}) > 1:
        charts = [_curve(each, summaries, styles) for _, columns in drawn for each in columns]
    else:
        charts = [_dots(metric, columns, summaries, styles) for metric, columns in drawn]
    return [chart for chart in charts if chart is not None]


def _curve(drawn: _Drawn, summaries: Sequence[Summary], styles: Styles) -> Chart | None:
    metric, unit = drawn.column.metric, unit_of(drawn.column.metric)
    ordered = sorted(summaries, key=lambda s: s.level)
    lines = {
        client: line
        for client in styles
        if (line := [(s, v) for s in ordered if s.client == client and (v := drawn.value(s)) is not None])
    }
    values = [value for line in lines.values() for _, value in line]
    if not values:
        return None
    intervals = [pair for line in lines.values() for s, _ in line if (pair := drawn.interval(s))]
    edges = [edge for pair in intervals for edge in pair if edge <= _INTERVAL_ROOM * max(values)]
    x = levels([s.level for s in ordered])
    y = axis([*values, *edges], unit, whole=drawn.column.whole)
    made = plot(x, y, HEIGHT, right=_ROOM, bottom=_BOTTOM)
    points = []
    for client, line in lines.items():
        style = styles[client]
        data = {
            "x": [s.level.value for s, _ in line],
            "y": [value for _, value in line],
            "client": [f"{style.label}, {s.level}" for s, _ in line],
            "text": [drawn.text(s, value) for s, value in line],
        }
        whiskers = [(s.level.value, *pair) for s, _ in line if (pair := drawn.interval(s))]
        if whiskers:
            at, low, high = (list(side) for side in zip(*whiskers, strict=True))
            glyph = Segment(x0="x", y0="low", x1="x", y1="high", line_alpha=0.45)
            draw(made, glyph, {"x": at, "low": low, "high": high}, style.variable)
        draw(made, Line(x="x", y="y", line_width=2, line_dash=style.dash), data, style.variable)
        points.append(draw(made, Scatter(x="x", y="y", size=7, marker=style.marker), data, style.variable))
    hover(made, points, [("", "@client"), ("", "@text")])
    title = f"{title_of(metric)} {rank_of(drawn.column)}".strip()
    words = "; ".join(
        f"{styles[client].label}: " + ", ".join(f"{figure(value)} at {s.level.value:,g}" for s, value in line)
        for client, line in lines.items()
    )
    marks = ends(y, HEIGHT, _BOTTOM, [(styles[client], line[-1][1]) for client, line in lines.items()])
    return Chart(title, unit, made, f"{title} in {unit} over {x.title}. {words}.", marks, _ROOM)


def levels(measured: Sequence[Level]) -> Axis:
    """Return the axis of levels, with ticks at what was run: at most five of them."""
    values = sorted({level.value for level in measured})
    log = values[-1] / values[0] > 4
    margin = (values[-1] - values[0]) * 0.05
    start, end = (values[0] / 1.15, values[-1] * 1.15) if log else (values[0] - margin, values[-1] + margin)
    shown = [float(value) for value in values[:: -(-len(values) // 5)]]
    title = "arrivals per second" if measured[0].streams is None else "streams at once"
    return Axis(start, end, log, tuple(shown), {value: tick(value) for value in shown}, title)


def _dots(
    metric: Metric, drawn: Sequence[_Drawn], summaries: Sequence[Summary], styles: Styles
) -> Chart | None:
    """Return a row for each client; of several percentiles, a line from the lowest to the highest."""
    unit, pair = unit_of(metric), len(drawn) > 1
    rows = [
        (s, styles[s.client], [(d, v) for d in drawn if (v := d.value(s)) is not None]) for s in summaries
    ]
    values = [value for _, _, here in rows for _, value in here]
    if not values:
        return None
    x = axis(values, unit, whole=metric.decimals == 0)
    if not x.log:  # room for half a mark at 0
        x = replace(x, start=x.start - 0.015 * (x.end - x.start))
    places = {float(len(rows) - n): plain(style.label, 24) for n, (_, style, _) in enumerate(rows)}
    y = Axis(0.4, len(rows) + 0.6, False, tuple(places), places)
    height = BORDER_TOP + _BOTTOM + _ROW * len(rows)
    left = 16 + round(6.6 * max(map(len, places.values())))
    room = 92 if pair else 54
    made = plot(x, y, height, left=left, right=room, bottom=_BOTTOM, grid="xy" if x.log and not pair else "x")
    points, marks, words = [], [], []
    for place, (summary, style, here) in zip(places, rows, strict=True):
        text = " – ".join(figure(value) for _, value in here) or figure(None)
        if pair and len(here) == 1:
            text = f"{rank_of(here[0][0].column)} {text}"
        words.append(f"{style.label} {text}")
        top = BORDER_TOP + (height - BORDER_TOP - _BOTTOM) * (y.end - place) / (y.end - y.start)
        marks.append(Mark(text, "--ink", 100 * top / height))
        if not here:
            continue
        ends_at = here[-1][1]
        if len(here) > 1 or not (pair or x.log):
            stem = {"x0": [here[0][1] if len(here) > 1 else x.start], "x1": [ends_at], "y": [place]}
            weight = 0.9 if len(here) > 1 else 0.4
            glyph = Segment(x0="x0", y0="y", x1="x1", y1="y", line_width=2, line_alpha=weight)
            draw(made, glyph, stem, style.variable)
        data = {
            "x": [value for _, value in here],
            "y": [place] * len(here),
            "client": [style.label] * len(here),
            "text": [d.text(summary, v, f"{rank_of(d.column)} " if pair else "") for d, v in here],
        }
        points.append(draw(made, Scatter(x="x", y="y", size=9, marker=style.marker), data, style.variable))
    hover(made, points, [("", "@client"), ("", "@text")])
    ranks = f", {rank_of(drawn[0].column)} – {rank_of(drawn[-1].column)}" if pair else ""
    title = f"{title_of(metric)}{ranks}"
    return Chart(title, unit, made, f"{title} in {unit}. {'; '.join(words)}.", tuple(marks), room)
