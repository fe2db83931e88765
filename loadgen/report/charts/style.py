"""One look for all charts: colours and marks per client, axes, ticks, and how a figure stands in the page.

Colours are names of CSS variables that the page defines for light and dark; a model's ``tags`` say which of
its properties follows which variable, and the page's script sets them whenever the colour scheme changes.
Axes and grids read their variables (``--bk-…``) themselves.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, PlainText, Range1d
from bokeh.plotting import figure as bokeh_figure

from loadgen.model import ClientId
from loadgen.report.text import plain, tick

if TYPE_CHECKING:
    from bokeh.models.glyph import Glyph
    from bokeh.plotting import figure as Figure

    from loadgen.model import Mode

# Okabe-Ito, warm for threads and cool for tasks, darkened for white paper and lightened for dark screens
_PALETTES: Mapping[Mode, tuple[tuple[str, str], ...]] = {
    "threads": (
        ("#C77700", "#F0B040"),
        ("#C2420A", "#F4794A"),
        ("#A8527F", "#E39AC4"),
        ("#7A6A00", "#E8DE5A"),
    ),
    "tasks": (
        ("#0068A8", "#5AB4F0"),
        ("#00845F", "#2FC79B"),
        ("#5B4FB5", "#A79BF2"),
        ("#2A8CA8", "#7AD3EA"),
    ),
    "greenlets": (
        ("#4F7A00", "#A5D04A"),
        ("#8A5A2B", "#D6A672"),
        ("#6B7A00", "#CCD95A"),
        ("#7A4A4A", "#D99C9C"),
    ),
}
_MARKERS: Mapping[Mode, tuple[str, ...]] = {
    "threads": ("square", "triangle", "diamond", "plus"),
    "tasks": ("circle", "inverted_triangle", "hex", "cross"),
    "greenlets": ("diamond", "hex", "square", "circle"),
}
_DASHES = ("solid", "dashed", "dotdash", "dashdot")
_YARDSTICK = ("#6B7280", "#A3ABB8")
_KNOWN = {"requests": 0, "httpx-sync": 1, "httpx-async": 0, "aiohttp": 1}

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
LOG_SPAN = 10**1.5


@dataclass(frozen=True, slots=True)
class Look:
    """How one client is drawn. ``variable`` is the CSS variable that holds its colour.

    ``short`` stands where there is little room: of several variants of one client the options alone.
    """

    label: str
    short: str
    variable: str
    light: str
    dark: str
    marker: str
    dash: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Text right of the frame; ``top`` is the place of its middle as a percentage of the chart's height."""

    text: str
    variable: str
    top: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure with what the page says around it. ``alternative`` tells in words what the picture shows.

    ``marks`` stand in the ``room`` pixels at its right edge.
    """

    title: str
    unit: str
    figure: Figure
    alternative: str
    marks: tuple[Mark, ...] = ()
    room: int = 0


def looks(clients: Mapping[ClientId, Mode]) -> dict[ClientId, Look]:
    """A look for every client label, the same in every report that has the same clients; a control has that of its
    client, dotted."""
    given: dict[ClientId, Look] = {}
    names = Counter(client.name for client in clients if not client.control)
    options = Counter(_options(client) for client in clients)
    taken: set[tuple[Mode, int, int]] = set()
    for client, mode in sorted(
        clients.items(), key=lambda item: (item[0].label not in _KNOWN, item[0].label)
    ):
        if client.control and client.original in clients:
            continue
        yardstick = client.label == "floor"
        colour, turn = _place(mode, _KNOWN.get(client.label, 0), set() if yardstick else taken)
        shape = (colour + turn) % len(_DASHES)
        light, dark = _YARDSTICK if yardstick else _PALETTES[mode][colour]
        told = _options(client)
        short = told if told and names[client.name] > 1 and options[told] == 1 else client.label
        given[client] = Look(
            label=plain(client.label, 40),
            short=plain(short, 40),
            variable=f"--client-{len(given)}",
            light=light,
            dark=dark,
            marker="x" if yardstick else _MARKERS[mode][shape],
            dash="dotted" if yardstick else _DASHES[shape],
        )
    for client in clients:
        if client not in given:
            label, variable = plain(client.label, 40), f"--client-{len(given)}"
            original = given[client.original]
            given[client] = replace(original, label=label, short=label, variable=variable, dash="dotted")
    return {client: given[client] for client in clients}


def _options(client: ClientId) -> str:
    return client.label.removeprefix(client.name).strip()


def _place(mode: Mode, colour: int, taken: set[tuple[Mode, int, int]]) -> tuple[int, int]:
    """A colour, and how often it stands there already, each time with another mark and dash."""
    count = len(_PALETTES[mode])
    for step in range(count * len(_DASHES)):
        place = (colour + step) % count, step // count
        if (mode, *place) not in taken:
            break
    taken.add((mode, *place))
    return place


@dataclass(frozen=True, slots=True)
class Axis:
    """A fixed range with its ticks and their labels."""

    start: float
    end: float
    log: bool
    ticks: tuple[float, ...]
    labels: Mapping[float, str]
    title: str = ""


def axis(
    values: Sequence[float],
    title: str = "",
    *,
    zero: bool = True,
    log: bool | None = None,
    count: int = 4,
    whole: bool = False,
) -> Axis:
    """An axis for ``values``: logarithmic where they span more than one and a half decades (or as told).

    A linear axis begins at 0 unless ``zero`` is false, and has about ``count`` ticks; ``whole``: at whole
    numbers only.
    """
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if log is None:
        log = low > 0 and high / low > LOG_SPAN
    if log:
        start, end = low / 1.25, high * 1.25
        ticks = _log_ticks(start, end)
    else:
        if zero:
            low, high = min(low, 0.0), max(high, 0.0)
        if low == high:
            high = low + (abs(low) or 1.0)
        step = max(_step((high - low) / count), 1.0 if whole else 0.0)
        start = math.floor(low / step + 1e-9) * step if not zero or low < 0 else 0.0
        end = high + (high - low) * 0.06
        first = math.ceil(start / step - 1e-9)
        ticks = tuple(round(n * step, 12) for n in range(first, math.floor(end / step + 1e-9) + 1))
    return Axis(start=start, end=end, log=log, ticks=ticks, labels={t: tick(t) for t in ticks}, title=title)


def _step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(step for step in (1, 2, 5, 10) if rough <= step * power * 1.0000001)


def _log_ticks(start: float, end: float) -> tuple[float, ...]:
    decades = math.log10(end / start)
    steps = (1, 2, 5) if decades <= 2 else (1, 3) if decades <= 2.6 else (1,)
    every = max(1, math.ceil(decades / 6))
    powers = range(math.floor(math.log10(start)), math.ceil(math.log10(end)) + 1)
    found = (s * 10.0**p for p in powers if p % every == 0 for s in steps)
    return tuple(float(f"{value:.12g}") for value in found if start <= value <= end)


BORDER_TOP = 8


def plot(
    x: Axis, y: Axis, height: int, *, left: int = 52, right: int = 10, bottom: int = 44, grid: str = "y"
) -> Figure:
    """An empty figure as wide as its element, without toolbar, that leaves every gesture to the page."""
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
    """Add a glyph in the colour of a CSS variable; returns its renderer."""
    names = [name for name in ("line_color", "fill_color") if name in glyph.properties()]
    glyph.tags = [f"{name}={variable}" for name in names if getattr(glyph, name) is not None]
    return made.add_glyph(ColumnDataSource(data), glyph)


def hover(made: Figure, renderers: Sequence[Any], tips: Sequence[tuple[str, str]]) -> None:
    """Exact values under the pointer; Bokeh escapes what comes from columns."""
    made.add_tools(HoverTool(renderers=list(renderers), tooltips=list(tips)))


_LINE = 13.0  # pixels that a name beside a line takes


def ends(y: Axis, height: int, bottom: int, lines: Sequence[tuple[Look, float]]) -> tuple[Mark, ...]:
    """Names beside the ends of the lines, moved apart where they would collide; none where too many would."""
    room = height - BORDER_TOP - bottom
    if len(lines) * _LINE > height:
        return ()

    def above(value: float) -> float:
        if y.log:
            return room * math.log(value / y.start) / math.log(y.end / y.start)
        return room * (value - y.start) / (y.end - y.start)

    placed = sorted(((above(value), look) for look, value in lines), key=lambda item: item[0])
    spots = _apart([spot for spot, _ in placed], _LINE, room)
    return tuple(
        Mark(look.short, look.variable, 100 * (BORDER_TOP + room - spot) / height)
        for spot, (_, look) in zip(spots, placed, strict=True)
    )


def _apart(spots: Sequence[float], gap: float, room: float) -> list[float]:
    """Ascending ``spots`` pushed at least ``gap`` apart, each crowd about its middle, none above ``room``."""
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
