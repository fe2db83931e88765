"""The primitives of every chart: axes, ticks, glyphs, hover texts, and the frame of a figure in the page.

Colours are names of CSS variables that the page defines for light and dark; a model's ``tags`` say which of
its properties follows which variable, and the page's script sets them whenever the colour scheme changes.
Axes and grids read their variables (``--bk-…``) themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, PlainText, Range1d, Segment
from bokeh.models.glyph import Glyph
from bokeh.plotting import figure as Figure
from rich.cells import cell_len

from loadgen.report.charts.axes import Axis
from loadgen.report.text import plain

BORDER_TOP = 8
BORDER_BOTTOM = 44
_ROW = 26
ROOM = 104  # at the right, for names beside the ends of lines
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

    ``marks`` stand in the ``room`` pixels at its right edge. ``key`` explains colours: text and CSS variable.
    """

    title: str
    unit: str
    figure: Figure
    alternative: str
    marks: tuple[Mark, ...] = ()
    room: int = 0
    key: tuple[tuple[str, str], ...] = ()


def plot(x: Axis, y: Axis, height: int, *, left: int = 52, right: int = ROOM, grid: str = "y") -> Figure:
    """Return an empty figure as wide as its element, without toolbar, that leaves every gesture to the page."""
    made = Figure(
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
        min_border_bottom=BORDER_BOTTOM,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        lod_threshold=None,
    )
    for side, spec, line in ((made.xaxis[0], x, 1), (made.yaxis[0], y, 0)):
        side.update(
            ticker=FixedTicker(ticks=list(spec.ticks), minor_ticks=[]),
            major_label_overrides={t: PlainText(text=text) for t, text in spec.labels.items()},
            axis_label=PlainText(text=spec.title) if spec.title else None,
            axis_label_text_font_style="normal",
            **{f"{label}_text_font": FONT for label in ("axis_label", "major_label")},
            **{f"{label}_text_font_size": "11px" for label in ("axis_label", "major_label")},
            **{"axis_label_standoff": 6, "major_label_standoff": 5, "axis_line_width": line},
            **{"major_tick_in": 0, "major_tick_out": 4 * line, "minor_tick_out": 0},
        )
    made.xgrid[0].visible = "x" in grid
    made.ygrid[0].visible = "y" in grid
    return made


def row_plot(
    labels: Sequence[str], x: Axis, right: int, *, grid: str = "x"
) -> tuple[Figure, Mapping[float, float]]:
    """Return an empty figure with a row for each label, the first on top.

    With it the place of each row, and where its middle is as a percentage of the figure's height.
    """
    count = len(labels)
    places = {float(count - n): plain(label, 36) for n, label in enumerate(labels)}
    y, height = Axis(0.4, count + 0.6, False, places), BORDER_TOP + BORDER_BOTTOM + _ROW * count
    left = 16 + round(6.5 * max(map(cell_len, places.values())))
    tops = {at: 100 * (BORDER_TOP + _ROW * count * (1 - y.share(at))) / height for at in places}
    return plot(x, y, height, left=left, right=right, grid=grid), tops


def draw(made: Figure, glyph: Glyph, data: dict[str, Any], variable: str) -> Any:
    """Add a glyph in the colour of a CSS variable; return its renderer."""
    names = [name for name in ("line_color", "fill_color", "text_color") if name in glyph.properties()]
    glyph.tags = [f"{name}={variable}" for name in names if getattr(glyph, name) is not None]
    return made.add_glyph(ColumnDataSource(data), glyph)


def across(**looks: Any) -> Segment:
    """Return the glyph of a horizontal line from ``x0`` to ``x1`` at ``y``."""
    return Segment(x0="x0", y0="y", x1="x1", y1="y", **looks)


def hover(made: Figure, renderers: Sequence[Any], tips: Sequence[tuple[str, str]]) -> None:
    """Show exact values under the pointer; Bokeh escapes what comes from columns."""
    made.add_tools(HoverTool(renderers=list(renderers), tooltips=list(tips)))


_LINE = 13.0  # pixels that a name beside a line takes


def ends(y: Axis, height: int, lines: Sequence[tuple[str, str, float]]) -> tuple[Mark, ...]:
    """Return names beside the ends of lines, moved apart where they would collide; none of too many.

    A line has its name, its CSS variable and its last value.
    """
    room = height - BORDER_TOP - BORDER_BOTTOM
    if len(lines) * _LINE > height:
        return ()
    placed = sorted(lines, key=lambda line: y.share(line[2]))
    spots = _apart([room * y.share(value) for _text, _variable, value in placed], _LINE, room)
    return tuple(
        Mark(text, variable, 100 * (BORDER_TOP + room - spot) / height)
        for spot, (text, variable, _value) in zip(spots, placed, strict=True)
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
