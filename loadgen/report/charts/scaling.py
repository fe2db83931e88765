"""The main figures over concurrency, a line per client; dots where there is one concurrency only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bokeh.models import Line, Scatter, Segment

from loadgen.report.charts.axes import Axis, axis
from loadgen.report.charts.style import BORDER_TOP, Chart, Mark, draw, ends, hover, plot
from loadgen.report.text import figure, plain, tick

if TYPE_CHECKING:
    from loadgen.model import Level, Summary
    from loadgen.report.client_style import Styles

HEIGHT = 226
_BOTTOM = 44
_ROOM = 104
_ROW = 26
_INTERVAL_ROOM = 2.0  # an interval may stretch the axis to this many times the greatest figure


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of a summary, or a pair such as p50 and p99."""

    title: str
    unit: str
    figures: tuple[Callable[[Summary], float | None], ...]
    interval: str = ""  # the stem of the summary's *_low_ms and *_high_ms
    whole: bool = False


def _value(metric: str) -> Callable[[Summary], float | None]:
    return lambda summary: summary.value(metric)


def _switches(summary: Summary) -> float | None:
    parts = (summary.value("voluntary_switches_per_token"), summary.value("involuntary_switches_per_token"))
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


COSTS = (
    Metric("Memory per stream", "KiB", (_value("rss_per_stream_kib"),)),
    Metric("CPU per token", "µs", (_value("cpu_us_per_token"),)),
    Metric("Threads", "threads", (_value("threads_peak"),), whole=True),
    Metric("Context switches per token", "switches", (_switches,)),
)


def latencies(summaries: Sequence[Summary], styles: Styles) -> list[Chart]:
    """Lag, TTFT and ITL, each at p50 and p99; without any common clock the lag is the relative one."""
    absolute = any(s.value("lag_p50_ms") is not None for s in summaries)
    lag = ("Lag", "lag") if absolute else ("Lag above the least of its stream", "relative_lag")
    told = (lag, ("TTFT", "ttft"), ("ITL", "itl"))
    if _several(summaries):
        metrics = [
            Metric(f"{title} {rank}", "ms", (_value(f"{name}_{rank}_ms"),), f"{name}_{rank}")
            for rank in ("p50", "p99")
            for title, name in told
        ]
        return _drawn(_curve, metrics, summaries, styles)
    pairs = [
        Metric(title, "ms", (_value(f"{name}_p50_ms"), _value(f"{name}_p99_ms")))
        for title, name in (*told, ("Total time", "total"))
    ]
    return _drawn(_dots, pairs, summaries, styles)


def costs(summaries: Sequence[Summary], styles: Styles) -> list[Chart]:
    """Memory, CPU, threads and context switches."""
    return _drawn(_curve if _several(summaries) else _dots, COSTS, summaries, styles)


def _several(summaries: Sequence[Summary]) -> bool:
    return len({s.level for s in summaries}) > 1


def _drawn(
    drawing: Callable[[Metric, Sequence[Summary], Styles], Chart | None],
    metrics: Sequence[Metric],
    summaries: Sequence[Summary],
    styles: Styles,
) -> list[Chart]:
    return [chart for metric in metrics if (chart := drawing(metric, summaries, styles)) is not None]


def _curve(metric: Metric, summaries: Sequence[Summary], styles: Styles) -> Chart | None:
    ordered = sorted(summaries, key=lambda s: s.level)
    (of,) = metric.figures
    lines = {
        label: line
        for label in styles
        if (line := [(s, value) for s in ordered if s.client == label and (value := of(s)) is not None])
    }
    values = [value for line in lines.values() for _, value in line]
    if not values:
        return None
    intervals = [pair for line in lines.values() for s, _ in line if (pair := _interval(metric, s))]
    edges = [edge for pair in intervals for edge in pair if edge <= _INTERVAL_ROOM * max(values)]
    x = levels([s.level for s in ordered])
    y = axis([*values, *edges], metric.unit, whole=metric.whole)
    made = plot(x, y, HEIGHT, right=_ROOM, bottom=_BOTTOM)
    points = []
    for label, line in lines.items():
        style = styles[label]
        whiskers = [(s.level.value, *pair) for s, _ in line if (pair := _interval(metric, s))]
        data = {
            "x": [s.level.value for s, _ in line],
            "y": [value for _, value in line],
            "client": [style.label] * len(line),
            "told": [_told(metric, s, value) for s, value in line],
        }
        if whiskers:
            at, low, high = (list(column) for column in zip(*whiskers, strict=True))
            glyph = Segment(x0="x", y0="low", x1="x", y1="high", line_alpha=0.45)
            draw(made, glyph, {"x": at, "low": low, "high": high}, style.variable)
        draw(made, Line(x="x", y="y", line_width=2, line_dash=style.dash), data, style.variable)
        points.append(draw(made, Scatter(x="x", y="y", size=7, marker=style.marker), data, style.variable))
    hover(made, points, [("", "@client, @x{0,0} at once"), ("", "@told")])
    told = "; ".join(
        f"{styles[label].label}: " + ", ".join(f"{figure(value)} at {s.level.value:,g}" for s, value in line)
        for label, line in lines.items()
    )
    return Chart(
        metric.title,
        metric.unit,
        made,
        f"{metric.title} in {metric.unit} over streams at once. {told}.",
        ends(y, HEIGHT, _BOTTOM, [(styles[label], line[-1][1]) for label, line in lines.items()]),
        _ROOM,
    )


def _interval(metric: Metric, summary: Summary) -> tuple[float, float] | None:
    found = summary[f"{metric.interval}_ms"]
    return None if found.low is None or found.high is None else (found.low, found.high)


def _told(metric: Metric, summary: Summary, value: float, rank: str = "") -> str:
    pair = _interval(metric, summary)
    between = f" (95 % between {figure(pair[0])} and {figure(pair[1])})" if pair else ""
    return f"{rank}{figure(value)} {metric.unit}{between}, {summary.validity}"


def levels(measured: Sequence[Level]) -> Axis:
    """The axis of concurrency, with ticks at what was run: at most five of them."""
    levels = sorted({level.value for level in measured})
    log = levels[-1] / levels[0] > 4
    margin = (levels[-1] - levels[0]) * 0.05
    start, end = (levels[0] / 1.15, levels[-1] * 1.15) if log else (levels[0] - margin, levels[-1] + margin)
    shown = [float(level) for level in levels[:: -(-len(levels) // 5)]]
    return Axis(start, end, log, tuple(shown), {level: tick(level) for level in shown}, "streams at once")


def _dots(metric: Metric, summaries: Sequence[Summary], styles: Styles) -> Chart | None:
    rows = [
        (s, styles[s.client], [value for of in metric.figures if (value := of(s)) is not None])
        for s in summaries
    ]
    values = [value for _, _, here in rows for value in here]
    if not values:
        return None
    x = axis(values, metric.unit, whole=metric.whole)
    if not x.log:  # room for half a mark at 0
        x = replace(x, start=x.start - 0.015 * (x.end - x.start))
    places = {float(len(rows) - n): plain(style.label, 24) for n, (_, style, _) in enumerate(rows)}
    y = Axis(0.4, len(rows) + 0.6, False, tuple(places), places)
    height = BORDER_TOP + _BOTTOM + _ROW * len(rows)
    left = 16 + round(6.6 * max(map(len, places.values())))
    pair = len(metric.figures) > 1
    room = 92 if pair else 54
    made = plot(x, y, height, left=left, right=room, bottom=_BOTTOM, grid="xy" if x.log and not pair else "x")
    points, marks, told = [], [], []
    for place, (summary, style, here) in zip(places, rows, strict=True):
        text = " – ".join(map(figure, here)) or figure(None)
        if pair and len(here) == 1:
            text = f"p50 {text}"
        told.append(f"{style.label} {text}")
        top = BORDER_TOP + (height - BORDER_TOP - _BOTTOM) * (y.end - place) / (y.end - y.start)
        marks.append(Mark(text, "--ink", 100 * top / height))
        if not here:
            continue
        if len(here) > 1 or not (pair or x.log):
            stem = {"x0": [here[0] if len(here) > 1 else x.start], "x1": [here[-1]], "y": [place]}
            weight = 0.9 if len(here) > 1 else 0.4
            glyph = Segment(x0="x0", y0="y", x1="x1", y1="y", line_width=2, line_alpha=weight)
            draw(made, glyph, stem, style.variable)
        ranks = ("p50 ", "p99 ") if pair else ("",)
        data = {
            "x": here,
            "y": [place] * len(here),
            "client": [style.label] * len(here),
            "told": [_told(metric, summary, v, rank) for rank, v in zip(ranks, here, strict=False)],
        }
        points.append(draw(made, Scatter(x="x", y="y", size=9, marker=style.marker), data, style.variable))
    hover(made, points, [("", "@client"), ("", "@told")])
    title = f"{metric.title}, p50 – p99" if pair else metric.title
    return Chart(
        title, metric.unit, made, f"{title} in {metric.unit}. {'; '.join(told)}.", tuple(marks), room
    )
