"""Every compared metric over the levels: a line for each client and side; of two runs base dashed, head solid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from loadgen.analysis import effects, rounds
from loadgen.analysis.compare import MIN_REPEATS
from loadgen.analysis.metrics import Column
from loadgen.model import Estimate, Summary
from loadgen.report.charts.lines import Line, Point, line_chart, point
from loadgen.report.charts.style import Chart
from loadgen.report.client_style import Styles
from loadgen.report.columns import column_title, shown, unit_of
from loadgen.report.comparison.view import ComparisonView
from loadgen.report.language import _
from loadgen.report.text import beside, plain

NAME = 60
SIDE = 0.008  # of the axis, by which head is right of base, so that neither hides the other


def charts(view: ComparisonView, styles: Styles) -> list[Chart]:
    """Return a chart for each metric that both sides have."""
    found = (_chart(column, view, styles) for column in view.comparison.columns)
    return [chart for chart in found if chart is not None]


def _chart(column: Column, view: ComparisonView, styles: Styles) -> Chart | None:
    lines = list(_lines(column, view, styles))
    if len(view.cells) == 1:
        lines = [
            replace(line, aside=0.8 * ((place + 0.5) / len(lines) - 0.5)) for place, line in enumerate(lines)
        ]
    return line_chart(column_title(column), unit_of(column.metric), lines)


def _lines(column: Column, view: ComparisonView, styles: Styles) -> Iterator[Line]:
    changes = view.comparison.changes
    sides = (
        ("base", view.base, view.base_summaries, {(c.base_client, c.level) for c in changes}),
        ("head", view.head, view.head_summaries, {(c.client, c.level) for c in changes}),
    )
    for side, name, summaries, cells in sides:
        compared = [s for s in summaries if (s.client, s.level) in cells]
        for client, sweep in rounds.sweeps(compared).items():
            points = [p for s in sweep if (p := _point(column, s, plain(name, NAME))) is not None]
            if points:
                style, base = styles[client], side == "base"
                aside = -SIDE if base else SIDE
                if view.of_clients:
                    yield Line(style, style.label, points, style.dash, aside=aside)
                else:
                    dash = "dashed" if base else "solid"
                    yield Line(style, beside(style.label, _(side)), points, dash, faint=base, aside=aside)


def _point(column: Column, summary: Summary, side: str) -> Point | None:
    """Return the mean over rounds, geometric where all values are positive, with an interval from three rounds on."""
    values = list(rounds.values(summary, column.name).values())
    log = bool(values) and min(values) > 0 and column.metric.kind != "share"
    found = effects.times(map(math.log, values)) if log else effects.never_negative(values)
    if found is None:
        return None
    bounds = (found.low, found.high) if len(values) >= MIN_REPEATS else (None, None)
    of = shown(column, Estimate(found.value, *bounds))
    return point(summary.level, of, unit_of(column.metric), summary.validity, f"{side}: ")
