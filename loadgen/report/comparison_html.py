"""A comparison as one HTML page that needs nothing but itself: every figure of both sides over concurrency."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from loadgen.analysis import effects, rounds
from loadgen.analysis.changes import JUDGED
from loadgen.analysis.compare import ENOUGH
from loadgen.report import comparison as texts
from loadgen.report.client_style import client_styles
from loadgen.report.page import FINDING, TEXT, Page, at
from loadgen.report.text import figure, plain

if TYPE_CHECKING:
    from loadgen.analysis.changes import Change, Judged
    from loadgen.analysis.compare import Comparison
    from loadgen.model import Level, Summary
    from loadgen.report.charts.style import Chart
    from loadgen.report.client_style import ClientStyle, Styles

HEIGHT = 226
_BOTTOM = 44
_ROOM = 86
_ROW = 30
_INTERVAL_ROOM = 2.0  # an interval may stretch the axis to this many times the greatest figure
_CLASSES = {"worse": "invalid", "not worse": "valid", "cannot tell": "suspect"}


@dataclass(frozen=True, slots=True)
class _Point:
    at: float
    value: float
    low: float
    high: float
    told: str


@dataclass(frozen=True, slots=True)
class _Line:
    """One client on one side."""

    style: ClientStyle
    head: bool
    points: tuple[_Point, ...]


def html(comparison: Comparison, sides: texts.Sides, base: Sequence[Summary], head: Sequence[Summary]) -> str:
    """The page; ``base`` and ``head`` are the summaries that were compared."""
    compared = {client for c in comparison.changes for client in (c.against, c.client)}
    styles = client_styles({s.client: s.mode for s in (*base, *head) if s.client in compared})
    page = Page(styles)
    placed = page.place(_charts(comparison, sides, base, head, styles))
    return page.document(
        "comparison.html",
        **{
            "base": plain(sides.base, TEXT),
            "head": plain(sides.head, TEXT),
            "verdict": texts.verdict(comparison),
            "kind": _CLASSES[comparison.verdict],
            "how": texts.how(comparison) if comparison.judged else "",
            "notes": texts.notes(comparison, sides),
            "causes": [plain(finding.statement, FINDING) for finding in comparison.causes],
            "differences": [
                (plain(d.key, 80), plain(d.base, TEXT), plain(d.head, TEXT), d.grave)
                for d in sides.differences
            ],
            "called": [_row(c) for c in comparison.changes if c.verdict in ("worse", "better")],
            "levels": _levels(comparison.changes),
            "figures": [judged.title for judged in _shown(comparison.changes)],
            "charts": placed,
        },
    )


# --------------------------------------------------------------------------------------------- tables


def _shown(changes: Sequence[Change]) -> list[Judged]:
    return [judged for judged in JUDGED if any(c.figure is judged for c in changes)]


def _row(change: Change) -> dict[str, str]:
    return {
        "verdict": change.verdict,
        "client": plain(change.client, 60),
        "streams": f"{change.level.value:,g}{'~' if change.suspect else ''}",
        "figure": change.figure.title,
        "base": texts.level(change, change.base),
        "head": texts.level(change, change.head),
        "change": texts.change(change, change.change),
        "between": texts.between(change),
    }


def _levels(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """All changes: per concurrency a row for each client, a cell for each figure, ``None`` where it has none."""
    return [
        {
            "title": at(n),
            "rows": [
                (
                    plain(client, 60),
                    [
                        next((_row(c) for c in here if c.client == client and c.figure is judged), None)
                        for judged in _shown(changes)
                    ],
                )
                for client in sorted({c.client for c in here}, key=str)
            ],
        }
        for n in sorted({c.level for c in changes})
        for here in ([c for c in changes if c.level == n],)
    ]


# --------------------------------------------------------------------------------------------- charts


def _charts(
    comparison: Comparison,
    sides: texts.Sides,
    base: Sequence[Summary],
    head: Sequence[Summary],
    styles: Styles,
) -> list[Chart]:
    measured = sorted({c.level for c in comparison.changes})
    compared = (
        {(c.against, c.level) for c in comparison.changes},
        {(c.client, c.level) for c in comparison.changes},
    )
    chosen = [
        [s for s in side if (s.client, s.level) in cells]
        for side, cells in zip((base, head), compared, strict=True)
    ]
    return [
        chart
        for judged in _shown(comparison.changes)
        if (chart := _chart(judged, sides, chosen, measured, styles)) is not None
    ]


def _chart(
    judged: Judged,
    sides: texts.Sides,
    chosen: Sequence[Sequence[Summary]],
    measured: Sequence[Level],
    styles: Styles,
) -> Chart | None:
    """Over concurrency, or where there is one only, a row for each client."""
    from bokeh.models import Line, Scatter, Segment

    from loadgen.report.charts.axes import Axis, axis
    from loadgen.report.charts.scaling import levels
    from loadgen.report.charts.style import Chart, draw, ends, hover, plot

    across = len(measured) > 1
    clients = [client for client in styles if any(s.client == client for side in chosen for s in side)]
    rows = {client: float(len(clients) - n) for n, client in enumerate(clients)}
    lines = []
    for head, side in enumerate(chosen):
        for client, ladder in rounds.ladders(side).items():
            points = [_point(judged, s, float(s.level.value) if across else rows[client]) for s in ladder]
            lines.append(_Line(styles[client], bool(head), tuple(p for p in points if p is not None)))
    values = [point.value for line in lines for point in line.points]
    if not values:
        return None
    top = _INTERVAL_ROOM * max(values)
    edges = [edge for line in lines for p in line.points for edge in (p.low, p.high) if 0 <= edge <= top]
    least = min(values)
    value_axis = axis([*values, *(e for e in edges if e > least / _INTERVAL_ROOM)], judged.unit)
    if across:
        place_axis = levels(measured)
        made = plot(place_axis, value_axis, HEIGHT, right=_ROOM, bottom=_BOTTOM)
        height = HEIGHT
    else:
        labels = {row: plain(client, 24) for client, row in rows.items()}
        place_axis = Axis(0.4, len(rows) + 0.6, False, tuple(labels), labels)
        height = 8 + _BOTTOM + _ROW * len(rows)
        left = 16 + round(6.6 * max(map(len, labels.values())))
        made = plot(value_axis, place_axis, height, left=left, right=20, bottom=_BOTTOM, grid="x")
    x, y = ("at", "value") if across else ("value", "at")
    renderers = []
    for line in lines:
        aside = _aside(line.head, place_axis, across=across)
        data = {
            "at": [aside(point.at) for point in line.points],
            "value": [point.value for point in line.points],
            "low": [max(point.low, value_axis.start) for point in line.points],
            "high": [min(point.high, value_axis.end * 1.5) for point in line.points],
            "client": [line.style.label] * len(line.points),
            "told": [
                f"{plain(sides.head if line.head else sides.base, 60)}: {point.told}" for point in line.points
            ],
        }
        alpha = 1.0 if line.head else 0.6
        x0, y0, x1, y1 = ("at", "low", "at", "high") if across else ("low", "at", "high", "at")
        segment = Segment(x0=x0, y0=y0, x1=x1, y1=y1, line_alpha=0.5 * alpha)
        draw(made, segment, data, line.style.variable)
        if across:
            dash = "solid" if line.head else "dashed"
            draw(
                made,
                Line(x=x, y=y, line_width=1.75, line_alpha=alpha, line_dash=dash),
                data,
                line.style.variable,
            )
        glyph = Scatter(x=x, y=y, size=7, marker=line.style.marker, line_width=1.5)
        if not line.head:
            glyph.fill_color = None
        renderers.append(draw(made, glyph, data, line.style.variable))
    hover(made, renderers, [("", "@client"), ("", "@told")])
    last = [(line.style, line.points[-1].value) for line in lines if line.head and line.points]
    told = "; ".join(
        f"{line.style.label}, {'head' if line.head else 'base'}: {', '.join(figure(p.value) for p in line.points)}"
        for line in lines
    )
    where = "over streams at once" if across else f"at {measured[0]}"
    return Chart(
        judged.title,
        judged.unit,
        made,
        f"{judged.title} in {judged.unit} {where}, base and head. {told}.",
        ends(value_axis, height, _BOTTOM, last) if across else (),
        _ROOM if across else 0,
    )


def _point(judged: Judged, summary: Summary, at: float) -> _Point | None:
    """The mean over blocks, of logarithms where all are positive; its interval where there are blocks enough."""
    values = list(rounds.values(summary, judged.of).values())
    if not values:
        return None
    log = min(values) > 0 and judged.kind != "share"
    found = effects.mean(map(math.log, values) if log else values)
    assert found is not None
    if len(values) < ENOUGH:
        found = replace(found, low=None, high=None)
    scale = 100.0 if judged.kind == "share" else 1.0
    value, low, high = (
        (math.exp(min(edge, 700.0)) if log else edge) * scale
        for edge in (
            found.value,
            *(found.value if edge is None else edge for edge in (found.low, found.high)),
        )
    )
    between = f" (95 % between {figure(low)} and {figure(high)})" if found.low is not None else ""
    return _Point(at, value, low, high, f"{figure(value)} {judged.unit}{between}, {summary.validity}")


def _aside(head: bool, place: Any, *, across: bool) -> Any:
    """Moves base and head a little apart, so that neither hides the other's interval."""
    if not across:
        return lambda at: at + (-0.14 if head else 0.14)
    if place.log:
        factor = (place.end / place.start) ** (0.008 if head else -0.008)
        return lambda at: at * factor
    step = (place.end - place.start) * (0.008 if head else -0.008)
    return lambda at: at + step
