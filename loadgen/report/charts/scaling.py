"""The drawn metrics over the levels, a line per client; dots where there is one level only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bokeh.models import Scatter

from loadgen.analysis.metrics import Column, Metric, column, metrics
from loadgen.analysis.metrics.lag import lag, relative_lag
from loadgen.report.charts.axes import Axis, axis
from loadgen.report.charts.lines import Line, Point, line_chart
from loadgen.report.charts.style import BORDER_BOTTOM, BORDER_TOP, Chart, Mark, across, draw, hover, plot
from loadgen.report.columns import column_title, rank_of, scaled, title_of, unit_of
from loadgen.report.text import interval, number, plain

if TYPE_CHECKING:
    from loadgen.model import Summary
    from loadgen.report.client_style import Styles

_ROW = 26


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
        return f"{rank}{number(value)} {unit_of(self.column.metric)}{between}, {summary.validity}".strip()


def latencies(summaries: Sequence[Summary], styles: Styles) -> list[Chart]:
    """Return the charts of latencies; without a common clock, those of the relative lag in place of the lag."""
    absolute = any(s.value(lag.column(50)) is not None for s in summaries)
    found = [m for m in metrics() if m.topic != "cost" and m.drawn]
    return _charts([relative_lag if m is lag and not absolute else m for m in found], summaries, styles)


def costs(summaries: Sequence[Summary], styles: Styles) -> list[Chart]:
    """Return the charts of what the client used."""
    return _charts([m for m in metrics() if m.topic == "cost" and m.drawn], summaries, styles)


def _charts(found: Sequence[Metric], summaries: Sequence[Summary], styles: Styles) -> list[Chart]:
    drawn = [
        (m, [_Drawn(column(m.column(rank))) for rank in (lag if m is relative_lag else m).drawn])
        for m in found
    ]
    if len({s.level for s in summaries}) > 1:
        charts = [_curve(each, summaries, styles) for _, columns in drawn for each in columns]
    else:
        charts = [_dots(metric, columns, summaries, styles) for metric, columns in drawn]
    return [chart for chart in charts if chart is not None]


def _curve(drawn: _Drawn, summaries: Sequence[Summary], styles: Styles) -> Chart | None:
    metric, ordered = drawn.column.metric, sorted(summaries, key=lambda s: s.level)
    lines = []
    for client, style in styles.items():
        own = [(s, v) for s in ordered if s.client == client and (v := drawn.value(s)) is not None]
        points = [Point(s.level, v, drawn.interval(s), drawn.text(s, v)) for s, v in own]
        if points:
            lines.append(Line(style, style.label, points, style.dash))
    return line_chart(column_title(drawn.column), unit_of(metric), lines, whole=drawn.column.whole)


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
    y = Axis(0.4, len(rows) + 0.6, False, places)
    height = BORDER_TOP + BORDER_BOTTOM + _ROW * len(rows)
    left = 16 + round(6.6 * max(map(len, places.values())))
    room = 92 if pair else 54
    made = plot(x, y, height, left=left, right=room, grid="xy" if x.log and not pair else "x")
    points, marks, words = [], [], []
    for place, (summary, style, here) in zip(places, rows, strict=True):
        text = " – ".join(number(value) for _, value in here) or number(None)
        if pair and len(here) == 1:
            text = f"{rank_of(here[0][0].column)} {text}"
        words.append(f"{style.label} {text}")
        top = BORDER_TOP + _ROW * len(rows) * (1 - y.share(place))
        marks.append(Mark(text, "--ink", 100 * top / height))
        if not here:
            continue
        ends_at = here[-1][1]
        if len(here) > 1 or not (pair or x.log):
            stem = {"x0": [here[0][1] if len(here) > 1 else x.start], "x1": [ends_at], "y": [place]}
            weight = 0.9 if len(here) > 1 else 0.4
            draw(made, across(line_width=2, line_alpha=weight), stem, style.variable)
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
