"""The primitives of every chart: axes, ticks, glyphs, hover texts, and the frame of a figure in the page.

Colours are names of CSS variables that the page defines for light and dark; a model's ``tags`` say which of
its properties follows which variable, and the page's script sets them whenever the colour scheme changes.
Axes and grids read their variables (``--bk-…``) themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rich.cells import cell_len

from loadgen.report.charts.axes import Axis
from loadgen.report.charts.bokeh_json import Model, entries, glyph
from loadgen.report.text import plain

BORDER_TOP = 8
BORDER_BOTTOM = 44
_ROW = 26
ROOM = 104  # at the right, for names beside the ends of lines
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"


class Glyph:
    """A shape of BokehJS: ``looks`` are names of columns, and values that all rows have."""

    def __init__(self, name: str, *colours: str, **looks: Any) -> None:
        self.name = name
        self.colours = [each for each in colours if looks.get(each, "") is not None]
        self.looks = looks


Line = partial(Glyph, "Line", "line_color")
Segment = partial(Glyph, "Segment", "line_color")
Scatter = partial(Glyph, "Scatter", "line_color", "fill_color")
HBar = partial(Glyph, "HBar", "line_color", "fill_color")
Text = partial(Glyph, "Text", "text_color")


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A glyph for each row of columns of one length, in the colour of a CSS variable."""

    glyph: Glyph
    data: Mapping[str, Any]
    variable: str


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A figure as wide as its element, without toolbar, that leaves every gesture to the page."""

    x: Axis
    y: Axis
    height: int
    left: int
    right: int
    grid: str
    drawn: list[Drawn] = field(default_factory=list)
    tips: list[tuple[Sequence[Drawn], Sequence[tuple[str, str]]]] = field(default_factory=list)


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
    """Return an empty figure."""
    return Figure(x, y, height, left, right, grid)


def model(of: Figure) -> Model:
    """Return the figure as BokehJS has it."""
    drawn = {each: _renderer(each) for each in of.drawn}
    tools = [
        Model("HoverTool", renderers=[drawn[each] for each in rows], tooltips=tips, sort_by=None)
        for rows, tips in of.tips
    ]
    left, below = _axis(of.y, 0), _axis(of.x, 1)
    grids = (("x", {"axis": below}), ("y", {"dimension": 1, "axis": left}))
    return Model(
        "Figure",
        height=of.height,
        min_width=120,
        sizing_mode="stretch_width",
        x_range=_range(of.x),
        y_range=_range(of.y),
        x_scale=Model("LogScale" if of.x.log else "LinearScale"),
        y_scale=Model("LogScale" if of.y.log else "LinearScale"),
        title=Model("Title"),
        outline_line_color=None,
        renderers=list(drawn.values()),
        toolbar=Model("Toolbar", tools=tools),
        toolbar_location=None,
        left=[left],
        below=[below],
        center=[
            Model("Grid", **({} if name in of.grid else {"visible": False}), **own) for name, own in grids
        ],
        background_fill_color=None,
        border_fill_color=None,
        min_border_top=BORDER_TOP,
        min_border_bottom=BORDER_BOTTOM,
        min_border_left=of.left,
        min_border_right=of.right,
        lod_threshold=None,
    )


def _range(of: Axis) -> Model:
    edges = {"start": (of.start, 0), "end": (of.end, 1)}
    return Model("Range1d", **{name: value for name, (value, default) in edges.items() if value != default})


def _axis(of: Axis, line: int) -> Model:
    kind = "Log" if of.log else "Linear"
    labels = {at: Model("PlainText", text=text) for at, text in of.labels.items()}
    return Model(
        f"{kind}Axis",
        ticker=Model("FixedTicker", ticks=list(of.ticks), minor_ticks=[]),
        formatter=Model("LogTickFormatter" if of.log else "BasicTickFormatter"),
        **({"axis_label": Model("PlainText", text=of.title)} if of.title else {}),
        axis_label_standoff=6,
        axis_label_text_font=FONT,
        axis_label_text_font_size="11px",
        axis_label_text_font_style="normal",
        **({"major_label_overrides": entries(labels)} if labels else {}),
        major_label_policy=Model("AllLabels"),
        major_label_text_font=FONT,
        **({} if line else {"axis_line_width": 0}),
        major_tick_in=0,
        major_tick_out=4 * line,
        minor_tick_out=0,
    )


def _renderer(of: Drawn) -> Model:
    source = Model(
        "ColumnDataSource",
        selected=Model("Selection", indices=[], line_indices=[]),
        selection_policy=Model("UnionRenderers"),
        data=entries(of.data),
    )
    tags = [f"{colour}={of.variable}" for colour in of.glyph.colours]
    view = Model("CDSView", filter=Model("AllIndices"))
    return Model(
        "GlyphRenderer", data_source=source, view=view, glyph=glyph(of.glyph.name, tags, of.glyph.looks)
    )


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


def draw(made: Figure, glyph: Glyph, data: Mapping[str, Any], variable: str) -> Drawn:
    """Add a glyph in the colour of a CSS variable."""
    made.drawn.append(drawn := Drawn(glyph, data, variable))
    return drawn


def across(**looks: Any) -> Glyph:
    """Return the glyph of a horizontal line from ``x0`` to ``x1`` at ``y``."""
    return Segment(x0="x0", y0="y", x1="x1", y1="y", **looks)


def hover(made: Figure, drawn: Sequence[Drawn], tips: Sequence[tuple[str, str]]) -> None:
    """Show exact values under the pointer; BokehJS escapes what comes from columns."""
    made.tips.append((drawn, tips))


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
