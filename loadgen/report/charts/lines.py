"""Values over the levels: a line per client, with intervals and the client's name at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bokeh.models import Line as LineGlyph
from bokeh.models import Scatter, Segment, Text

from loadgen.model import Estimate, Level, Validity
from loadgen.report.charts.axes import Axis, axis
from loadgen.report.charts.style import FONT, ROOM, Chart, across, draw, ends, hover, plot
from loadgen.report.client_style import ClientStyle
from loadgen.report.columns import level_text
from loadgen.report.language import _
from loadgen.report.text import beside, clauses, interval, joined, number, tick

HEIGHT = 226
TICKS = 5
_INTERVAL_ROOM = 2.0  # an interval may stretch the axis to this many times the largest value


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a level, with its interval; ``text`` is shown under the pointer."""

    level: Level
    value: float
    interval: tuple[float, float] | None
    text: str


def point(level: Level, of: Estimate, unit: str, validity: Validity, before: str = "") -> Point | None:
    """Return the point of a figure; ``None`` where it was not measured."""
    if of.value is None:
        return None
    bounds = None if of.low is None or of.high is None else (of.low, of.high)
    between = _(" (95 % interval {interval})").format(interval=interval(*bounds)) if bounds else ""
    text = beside(f"{before}{number(of.value)} {unit}{between}", _(validity.value))
    return Point(level, of.value, bounds, text)


@dataclass(frozen=True, slots=True)
class Line:
    """The points of one client. A ``faint`` line has hollow marks and no name at its end.

    ``aside`` moves it by a share of the axis, so that it does not hide another.
    """

    style: ClientStyle
    label: str
    points: Sequence[Point]
    dash: str
    faint: bool = False
    aside: float = 0.0


@dataclass(frozen=True, slots=True)
class Knee:
    """From that level on more streams bring hardly more; ``text`` says whose limit it is."""

    level: Level
    text: str
    variable: str


def line_chart(
    title: str,
    unit: str,
    lines: Sequence[Line],
    *,
    whole: bool = False,
    budget: float | None = None,
    knees: Sequence[Knee] = (),
    height: int = HEIGHT,
) -> Chart | None:
    """Return the chart; ``None`` where there are no points. ``whole``: all values are whole numbers.

    A dotted line crosses it at ``budget``, and one goes up from each of the ``knees``.
    """
    points = [point for line in lines for point in line.points]
    if not points:
        return None
    x = level_axis([point.level for point in points])
    values = [point.value for point in points]
    least, most = max(0.0, min(values) / _INTERVAL_ROOM), max(values) * _INTERVAL_ROOM
    edges = [edge for point in points for edge in point.interval or () if least <= edge <= most]
    y = axis([*values, *edges, *([] if budget is None else [budget])], unit, whole=whole)
    made = plot(x, y, height)
    if budget is not None:
        ends_at = {"x0": [x.start], "x1": [x.end], "y": [budget]}
        draw(made, across(line_width=1.5, line_dash="dotted"), ends_at, "--ink")
    for place, knee in enumerate(knees):
        up = {"x": [knee.level.value], "low": [y.start], "high": [y.end], "text": [knee.text]}
        draw(made, Segment(x0="x", y0="low", x1="x", y1="high", line_dash="dotted"), up, knee.variable)
        side = "right" if x.share(knee.level.value) > 0.5 else "left"  # it stands where there is more room
        near = sorted((p for p in points if p.level.value >= knee.level.value), key=lambda p: p.level)
        taken = [y.share(p.value) for p in near[: 2 * len(lines)]] + [
            y.share(b) for b in [budget] if b is not None
        ]
        top = min(1 - share for share in taken) > min(taken) if taken else True
        label = Text(
            x="x", y="high" if top else "low", text="text", anchor=f"{'top' if top else 'bottom'}_{side}"
        )
        label.y_offset = 12 * place if top else -12 * place
        label.x_offset = -4 if side == "right" else 4
        label.update(text_font={"value": FONT}, text_font_size="11px")  # a name alone would be a column
        draw(made, label, up, knee.variable)
    marks = []
    for line in lines:
        alpha, places = 0.6 if line.faint else 1.0, [_place(x, point, line.aside) for point in line.points]
        data = {
            "x": places,
            "y": [point.value for point in line.points],
            "client": [beside(line.style.label, level_text(point.level)) for point in line.points],
            "text": [point.text for point in line.points],
        }
        known = [
            (at, *point.interval) for at, point in zip(places, line.points, strict=True) if point.interval
        ]
        if known:
            at, low, high = (list(side) for side in zip(*known, strict=True))
            segment = Segment(x0="x", y0="low", x1="x", y1="high", line_alpha=0.45 * alpha)
            bounds = {"low": [max(v, y.start) for v in low], "high": [min(v, 1.5 * y.end) for v in high]}
            draw(made, segment, {"x": at, **bounds}, line.style.variable)
        glyph = LineGlyph(x="x", y="y", line_width=2, line_alpha=alpha, line_dash=line.dash)
        draw(made, glyph, data, line.style.variable)
        mark = Scatter(x="x", y="y", size=7, marker=line.style.marker, line_width=1.5)
        if line.faint:
            mark.fill_color = None
        marks.append(draw(made, mark, data, line.style.variable))
    hover(made, marks, [("", "@client"), ("", "@text")])
    value_at = _("{value} at {level}")
    words = clauses(
        f"{line.label}: "
        + joined(value_at.format(value=number(p.value), level=f"{p.level.value:,g}") for p in line.points)
        for line in lines
    )
    shown = [line for line in lines if line.points and not line.faint]
    last = [(line.style.short, line.style.variable, line.points[-1].value) for line in shown]
    if budget is not None:
        last.append((f"{number(budget)} {unit}", "--ink", budget))
    alternative = _("{title} in {unit} over {axis}. {values}.").format(
        title=title, unit=unit, axis=x.title, values=words
    )
    names = ends(y, height, last)
    return Chart(title, unit, made, alternative, names, ROOM)


def level_axis(measured: Sequence[Level]) -> Axis:
    """Return the axis of levels, with ticks at what was run: at most ``TICKS`` of them."""
    title = _("arrivals per second") if measured[0].streams is None else _("streams at once")
    values = sorted({float(level.value) for level in measured})
    if len(values) == 1:
        return Axis(values[0] - 1, values[0] + 1, False, {values[0]: tick(values[0])}, title)
    log = values[-1] / values[0] > 4
    margin = (values[-1] - values[0]) * 0.05
    start, end = (values[0] / 1.15, values[-1] * 1.15) if log else (values[0] - margin, values[-1] + margin)
    bare = Axis(start, end, log, {}, title)
    labels: dict[float, str] = {}
    for value in values:
        if not labels or bare.share(value) - bare.share(max(labels)) >= 1 / TICKS:
            labels[value] = tick(value)
    return replace(bare, labels=labels)


def _place(x: Axis, point: Point, aside: float) -> float:
    at = point.level.value
    return at * (x.end / x.start) ** aside if x.log else at + (x.end - x.start) * aside
