"""What the engines used over time: memory, threads and CPU, a line per cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from bokeh import models

from loadgen.report.charts.style import Chart, Look, axis, draw, ends, hover, plot
from loadgen.report.text import figure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from loadgen.model import Recording

    Line = tuple[NDArray[np.float64], NDArray[np.float64]]

HEIGHT = 190
_BOTTOM = 44
_ROOM = 86
POINTS = 200
CPU_BIN_S = 0.5  # the kernel counts CPU in ticks of 10 ms: shorter bins show the ticks


def usage(recordings: Sequence[Recording], looks: Mapping[str, Look]) -> list[Chart]:
    """The charts of the cells of one concurrency; at most ``POINTS`` points a line."""
    charts = []
    kinds = (
        ("Memory (RSS)", "MiB", _memory),
        ("Threads", "threads", _threads),
        ("CPU", "% of one core", _cpu),
    )
    for title, unit, line in kinds:
        lines = [(r, found) for r in recordings if r.client in looks and len((found := line(r))[0])]
        if lines:
            charts.append(_chart(title, unit, lines, looks))
    return charts


def _chart(
    title: str, unit: str, lines: Sequence[tuple[Recording, Line]], looks: Mapping[str, Look]
) -> Chart:
    x = axis([float(at[-1]) for _, (at, _) in lines], "s since the cell began", log=False)
    values = [float(edge) for _, (_, v) in lines for edge in (v.min(), v.max())]
    y = axis(values, unit, count=3, whole=title == "Threads")
    made = plot(x, y, HEIGHT, right=_ROOM, bottom=_BOTTOM)
    drawn, told = [], []
    last: dict[Look, float] = {}
    for recording, (at, value) in lines:
        look = looks[recording.client]
        cell = f"{look.label}, repeat {recording.repeat + 1}"
        data = {"x": at.astype(np.float32), "y": value.astype(np.float32), "cell": [cell] * len(at)}
        glyph = models.Line(x="x", y="y", line_width=1.5, line_alpha=0.9, line_dash=look.dash)
        drawn.append(draw(made, glyph, data, look.variable))
        last.setdefault(look, float(value[-1]))
        told.append(f"{cell}: up to {figure(float(value.max()))}")
    hover(made, drawn, [("", "@cell"), ("", f"@y{{0,0.[0]}} {unit} at @x{{0.0}} s")])
    alternative = f"{title} in {unit} over time. {'; '.join(told)}."
    return Chart(title, unit, made, alternative, ends(y, HEIGHT, _BOTTOM, list(last.items())), _ROOM)


def _thinned(at: NDArray[np.float64], value: NDArray[np.float64]) -> Line:
    if len(at) <= POINTS:
        return at, value
    keep = np.linspace(0, len(at) - 1, POINTS).round().astype(np.int64)
    return at[keep], value[keep]


def _column(recording: Recording, name: str, scale: float) -> Line:
    raw = recording.samples[name]
    there = raw >= 0
    return (recording.samples["at"][there] - recording.start) / 1e9, raw[there] / scale


def _memory(recording: Recording) -> Line:
    return _thinned(*_column(recording, "rss_kib", 1024))


def _threads(recording: Recording) -> Line:
    return _thinned(*_column(recording, "threads", 1))


def _cpu(recording: Recording) -> Line:
    at, total = _column(recording, "cpu_ns", 1e9)
    if len(at) < 2:
        return at[:0], total[:0]
    keep = np.concatenate([[0], np.flatnonzero(np.diff(np.floor((at - at[0]) / CPU_BIN_S)) > 0) + 1])
    at, total = at[keep], total[keep]
    return _thinned((at[1:] + at[:-1]) / 2, 100 * np.diff(total) / np.diff(at))
