"""The primitives of every chart: axes, ticks, glyphs, hover texts, and the frame of a figure in the page.

Colours are names of CSS variables that the page defines for light and dark; a model's ``tags`` say which of
its properties follows which variable, and the page's script sets them whenever the colour scheme changes.
Axes and grids read their variables (``--bk-…``) themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, PlainText, Range1d
from bokeh.plotting import figure as bokeh_figure

from loadgen.report.charts.axes import Axis

if TYPE_CHECKING:
    from bokeh.models.glyph import Glyph
    from bokeh.plotting import figure as Figure

    from loadgen.report.client_style import ClientStyle

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class Mark:
    """Text right of the frame; ``top`` is the place of its middle as a percentage of the chart's height."""

    text: str
    variable: str
    top: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure with what the page says around it. ``alternative`` describes it in words, for screen readers.

    ``marks`` stand in the ``room`` pixels at its right edge.
    """

    title: str
    unit: str
    figure: Figure
    alternative: str
    marks: tuple[Mark, ...] = ()
    room: int = 0


BORDER_TOP = 8


def plot(
    x: Axis, y: Axis, height: int, *, left: int = 52, right: int = 10, bottom: int = 44, grid: str = "y"
) -> Figure:
    """Return an empty figure as wide as its element, without toolbar, that leaves every gesture to the page."""
    made = bokeh_figure(
        height=height,
        sizing_mode="stretch_width",
        min_width=120,
        x_range=Range1d(start=x.start, end=x.end),
        y_range=Range1d(start=y.start, end=y.end),
        x_axis_type="log" if x.log else "linear",
        y_axis_type="log" if y.log else "linear",
        tools="",
        toolbar_location=None,
        min_border_left=left,
        min_border_right=right,
        min_border_top=BORDER_TOP,
        min_border_bottom=bottom,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        lod_threshold=None,
    )
    for side, spec in ((made.xaxis[0], x), (made.yaxis[0], y)):
        side.ticker = FixedTicker(ticks=list(spec.ticks), minor_ticks=[])
        side.major_label_overrides = {t: PlainText(text=text) for t, text in spec.labels.items()}
        side.axis_label = PlainText(text=spec.title) if spec.title else None
        side.axis_label_text_font = side.major_label_text_font = FONT
        side.axis_label_text_font_size = side.major_label_text_font_size = "11px"
        side.axis_label_text_font_style = "normal"
        side.axis_label_standoff = 6
        side.major_label_standoff = 5
        side.major_tick_in = 0
        side.major_tick_out = 4 if side is made.xaxis[0] else 0
        side.minor_tick_out = 0
        side.axis_line_width = 1 if side is made.xaxis[0] else 0
    made.xgrid[0].visible = "x" in grid
    made.ygrid[0].visible = "y" in grid
    return made


def draw(made: Figure, glyph: Glyph, data: dict[str, Any], variable: str) -> Any:
    """Add a glyph in the colour of a CSS variable; return its renderer."""
    names = [name for name in ("line_color", "fill_color") if name in glyph.properties()]
    glyph.tags = [f"{name}={variable}" for name in names if getattr(glyph, name) is not None]
    return made.add_glyph(ColumnDataSource(data), glyph)


def hover(made: Figure, renderers: Sequence[Any], tips: Sequence[tuple[str, str]]) -> None:
    """Show exact values under the pointer; Bokeh escapes what comes from columns."""
    made.add_tools(HoverTool(renderers=list(renderers), tooltips=list(tips)))


_LINE = 13.0  # pixels that a name beside a line takes


def ends(y: Axis, height: int, bottom: int, lines: Sequence[tuple[ClientStyle, float]]) -> tuple[Mark, ...]:
    """Return the names beside the ends of the lines, moved apart where they would collide; none of too many."""
    room = height - BORDER_TOP - bottom
    if len(lines) * _LINE > height:
        return ()

    def above(value: float) -> float:
        if y.log:
            return room * math.log(value / y.start) / math.log(y.end / y.start)
        return room * (value - y.start) / (y.end - y.start)

    placed = sorted(((above(value), style) for style, value in lines), key=lambda item: item[0])
    spots = _apart([spot for spot, _ in placed], _LINE, room)
    return tuple(
        Mark(style.short, style.variable, 100 * (BORDER_TOP + room - spot) / height)
        for spot, (_, style) in zip(spots, placed, strict=True)
    )


def _apart(spots: Sequence[float], gap: float, room: float) -> list[float]:
    """Return ascending ``spots`` pushed at least ``gap`` apart, each crowd around its middle, none above ``room``."""
    crowds: list[tuple[float, int]] = []  # middle, members
    for spot in spots:
        crowds.append((spot, 1))
        while len(crowds) > 1:
            (low, few), (high, more) = crowds[-2:]
            if high - low >= gap * (few + more) / 2:
                break
            crowds[-2:] = [((low * few + high * more) / (few + more), few + more)]
    placed = [middle + gap * (n - (members - 1) / 2) for middle, members in crowds for n in range(members)]
    over = max(0.0, placed[-1] - room) if placed else 0.0
    return [spot - over for spot in placed]
