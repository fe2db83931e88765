"""The drawn metrics over the levels, a line per client; dots where there is one level only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bokeh.models import Scatter

from loadgen.analysis.metrics import Column, Metric, column, metrics
from loadgen.analysis.metrics.lag import lag, relative_lag
from loadgen.model import Summary
from loadgen.report.charts.axes import Axis, axis
from loadgen.report.charts.lines import Line, Point, line_chart, point
from loadgen.report.charts.style import BORDER_BOTTOM, BORDER_TOP, Chart, Mark, across, draw, hover, plot
from loadgen.report.client_style import Styles
from loadgen.report.columns import column_title, rank_of, shown, title_of, unit_of
from loadgen.report.text import number, plain

_ROW = 26


def latencies(summaries: Sequence[Summary], styles: Styles) -> list[Chart]:
    """Return the charts of latencies; without a common clock, those of the relative lag in place of the lag."""
    absolute = any(s.value(lag.column(50)) is not None for s in summaries)
    found = [m for m in metrics() if m.topic != "cost" and m.drawn]
    return _charts([relative_lag if m is lag and not absolute else m for m in found], summaries, styles)


def costs(summaries: Sequence[Summary], styles: Styles) -> list[Chart]:
    """Return the charts of what the client used."""
    return _charts([m for m in metrics() if m.topic == "cost" and m.drawn], summaries, styles)


def _charts(found: Sequence[Metric], summaries: Sequence[Summary], styles: Styles) -> list[Chart]:
    drawn = [(m, [column(m.column(rank)) for rank in (lag if m is relative_lag else m).drawn]) for m in found]
    if len({s.level for s in summaries}) > 1:
        charts = [_curve(each, summaries, styles) for _, columns in drawn for each in columns]
    else:
        charts = [_dots(metric, columns, summaries, styles) for metric, columns in drawn]
    return [chart for chart in charts if chart is not None]


def _point(column: Column, summary: Summary, before: str = "") -> Point | None:
    of = shown(column, summary[column.name])
    return point(summary.level, of, unit_of(column.metric), summary.validity, before)


def _curve(column: Column, summaries: Sequence[Summary], styles: Styles) -> Chart | None:
    ordered = sorted(summaries, key=lambda s: s.level)
    lines = []
    for client, style in styles.items():
        if points := [p for s in ordered if s.client == client and (p := _point(column, s))]:
            lines.append(Line(style, style.label, points, style.dash))
    return line_chart(column_title(column), unit_of(column.metric), lines, whole=column.whole)


def _dots(
    metric: Metric, columns: Sequence[Column], summaries: Sequence[Summary], styles: Styles
) -> Chart | None:
    """Return a row for each client; of several percentiles, a line from the lowest to the highest."""
    unit, pair = unit_of(metric), len(columns) > 1
    ranks = [rank_of(column) if pair else "" for column in columns]
    rows = []
    for s in summaries:
        points = [(rank, _point(of, s, rank and f"{rank} ")) for rank, of in zip(ranks, columns, strict=True)]
        rows.append((styles[s.client], [(rank, point) for rank, point in points if point]))
    values = [point.value for _, here in rows for _, point in here]
    if not values:
        return None
    x = axis(values, unit, whole=metric.decimals == 0)
    if not x.log:  # room for half a mark at 0
        x = replace(x, start=x.start - 0.015 * (x.end - x.start))
    places = {float(len(rows) - n): plain(style.label, 24) for n, (style, _) in enumerate(rows)}
    y = Axis(0.4, len(rows) + 0.6, False, places)
    height = BORDER_TOP + BORDER_BOTTOM + _ROW * len(rows)
    left = 16 + round(6.6 * max(map(len, places.values())))
    room = 92 if pair else 54
    made = plot(x, y, height, left=left, right=room, grid="xy" if x.log and not pair else "x")
    drawn, marks, words = [], [], []
    for place, (style, here) in zip(places, rows, strict=True):
        own = [point.value for _, point in here]
        text = " – ".join(map(number, own)) or number(None)
        if pair and len(here) == 1:
            text = f"{here[0][0]} {text}"
        words.append(f"{style.label} {text}")
        top = BORDER_TOP + _ROW * len(rows) * (1 - y.share(place))
        marks.append(Mark(text, "--ink", 100 * top / height))
        if not here:
            continue
        if len(here) > 1 or not (pair or x.log):
            stem = {"x0": [own[0] if len(here) > 1 else x.start], "x1": own[-1:], "y": [place]}
            weight = 0.9 if len(here) > 1 else 0.4
            draw(made, across(line_width=2, line_alpha=weight), stem, style.variable)
        names = {"y": [place] * len(here), "client": [style.label] * len(here)}
        data = {"x": own, **names, "text": [point.text for _, point in here]}
        drawn.append(draw(made, Scatter(x="x", y="y", size=9, marker=style.marker), data, style.variable))
    hover(made, drawn, [("", "@client"), ("", "@text")])
    title = title_of(metric) + (f", {ranks[0]} – {ranks[-1]}" if pair else "")
    return Chart(title, unit, made, f"{title} in {unit}. {'; '.join(words)}.", tuple(marks), room)
