"""Streams in flight, memory, threads and CPU over time, a line per cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from bokeh import models
from numpy.typing import NDArray

from loadgen.analysis.measures import Ints
from loadgen.analysis.repeats import Repeat
from loadgen.model import Recording
from loadgen.report.charts.axes import Axis, axis
from loadgen.report.charts.style import ROOM, Chart, draw, ends, hover, plot
from loadgen.report.client_style import ClientStyle, Styles
from loadgen.report.language import _
from loadgen.report.text import beside, clauses, number

Line = tuple[NDArray[np.float64], NDArray[np.float64]]
Kind = tuple[str, str, Callable[[Repeat], Line]]  # title, unit, and the line of a repeat

HEIGHT = 190
POINTS = 200
CPU_BIN_S = 0.5  # the kernel counts CPU in ticks of 10 ms: shorter bins show the ticks
RATE_BIN_S = 0.5
GONE_S = 2 * CPU_BIN_S  # a worker without samples for so long has ended


def usage(repeats: Sequence[Repeat], styles: Styles) -> list[Chart]:
    """Return the charts of the repeats of one level, a line each.

    The workers of a cell are added up, each from its own start.
    """
    kinds: tuple[Kind, ...] = (
        (_("Streams open"), _("streams"), in_flight),
        (
            _("Memory (RSS)"),
            "MiB",
            lambda repeat: _added(repeat, lambda of: _column(of, of.samples.rss_kib, 1024)),
        ),
        (
            _("Threads"),
            _("threads"),
            lambda repeat: _added(repeat, lambda of: _column(of, of.samples.threads, 1)),
        ),
        (_("CPU"), _("% of one core"), lambda repeat: _added(repeat, _cpu)),
        (_("Bytes received"), _("MiB per s"), lambda repeat: _added(repeat, _received)),
    )
    return over_time(repeats, kinds, styles)


def over_time(repeats: Sequence[Repeat], kinds: Sequence[Kind], styles: Styles) -> list[Chart]:
    """Return a chart of each kind on one time axis, a line for each repeat, of ``POINTS`` points at most."""
    repeats = [repeat for repeat in repeats if repeat.recording.client in styles]
    found = {
        (title, unit): [
            (repeat.recording, own) for repeat in repeats if len((own := _thinned(*line(repeat)))[0])
        ]
        for title, unit, line in kinds
    }
    last = [float(at[-1]) for lines in found.values() for _, (at, _) in lines]
    x = axis(last, _("{unit} since the cell began").format(unit=_("s")), log=False)
    return [_chart(title, unit, x, lines, styles) for (title, unit), lines in found.items() if lines]


def _chart(title: str, unit: str, x: Axis, lines: Sequence[tuple[Recording, Line]], styles: Styles) -> Chart:
    values = [float(edge) for _, (_, v) in lines for edge in (v.min(), v.max())]
    y = axis(values, unit, count=3, whole=unit in (_("streams"), _("threads"), _("requests")))
    made = plot(x, y, HEIGHT)
    drawn, words = [], []
    last: dict[ClientStyle, float] = {}
    for recording, (at, value) in lines:
        style = styles[recording.client]
        cell = beside(style.label, _("repeat {repeat}").format(repeat=recording.repeat + 1))
        data = {"x": at.astype(np.float32), "y": value.astype(np.float32), "cell": [cell] * len(at)}
        glyph = models.Line(x="x", y="y", line_width=1.5, line_alpha=0.9, line_dash=style.dash)
        drawn.append(draw(made, glyph, data, style.variable))
        last.setdefault(style, float(value[-1]))
        words.append(_("{cell}: up to {most}").format(cell=cell, most=number(float(value.max()))))
    hover(
        made,
        drawn,
        [
            ("", "@cell"),
            (
                "",
                _("{value} {unit} at {seconds} s").format(value="@y{0,0.[0]}", unit=unit, seconds="@x{0.0}"),
            ),
        ],
    )
    alternative = _("{title} in {unit} over time. {values}.").format(
        title=title, unit=unit, values=clauses(words)
    )
    apart = len(set(last.values())) > 1  # names beside one and the same point are useless
    named = [(style.short, style.variable, value) for style, value in last.items()]
    marks = ends(y, HEIGHT, named) if apart else ()
    return Chart(title, unit, made, alternative, marks, ROOM)


def in_flight(repeat: Repeat) -> Line:
    """Return the most streams that were open in each of ``POINTS`` equal spans, so that no spike is lost."""
    times, count = repeat.open
    if not len(times):
        return np.zeros(0), np.zeros(0)
    edges = np.linspace(min(0, times[0]), times[-1], POINTS)
    after = np.searchsorted(times, edges, "right")
    at_edges = np.concatenate([[0], count])[after]
    most = np.maximum.reduceat(np.insert(count, after, at_edges), after + np.arange(POINTS))
    return edges / 1e9, most.astype(np.float64)


def _added(repeat: Repeat, line: Callable[[Recording], Line]) -> Line:
    """Return the sum over all parts of a repeat, at the moments of the part that lasted longest."""
    lines = [line(m.recording) for m in repeat.parts]
    at = max((own for own, _ in lines), key=lambda own: own.max(initial=0))
    total = np.zeros(len(at))
    for own, value in lines:
        if len(own):
            last = np.maximum(np.searchsorted(own, at, "right") - 1, 0)
            total += np.where(at > own[-1] + GONE_S, 0, value[last])
    return at, total


def _thinned(at: NDArray[np.float64], value: NDArray[np.float64]) -> Line:
    if len(at) <= POINTS:
        return at, value
    keep = np.linspace(0, len(at) - 1, POINTS).round().astype(np.int64)
    return at[keep], value[keep]


def _column(recording: Recording, raw: Ints, scale: float) -> Line:
    there = raw >= 0
    return (recording.samples.at[there] - recording.start) / 1e9, raw[there] / scale


def _received(recording: Recording) -> Line:
    """Return the MiB that arrived per second, in bins of half a second; nothing where the reads have no sizes."""
    sizes = recording.sizes.bytes
    if not len(sizes):
        return np.zeros(0), np.zeros(0)
    bins = ((recording.arrivals.at - recording.start) // int(RATE_BIN_S * 1e9)).clip(0)
    mib = np.bincount(bins, weights=sizes) / (1 << 20)
    return np.arange(0.5, len(mib)) * RATE_BIN_S, mib / RATE_BIN_S


def _cpu(recording: Recording) -> Line:
    at, total = _column(recording, recording.samples.cpu_ns, 1e9)
    if len(at) < 2:
        return at[:0], total[:0]
    keep = np.concatenate([[0], np.flatnonzero(np.diff(np.floor((at - at[0]) / CPU_BIN_S)) > 0) + 1])
    at, total = at[keep], total[keep]
    return (at[1:] + at[:-1]) / 2, 100 * np.diff(total) / np.diff(at)
