"""The timeline: a row per stream, a dot per arrival of text or read, all clients on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bokeh.models import Scatter
from numpy.typing import NDArray

from loadgen.analysis.measures import Ints, Measured
from loadgen.analysis.repeats import Repeat
from loadgen.model import ClientId, Outcome
from loadgen.report.charts.axes import Axis, axis
from loadgen.report.charts.style import Chart, across, draw, hover, plot
from loadgen.report.client_style import ClientStyle, Styles
from loadgen.report.language import _, plural
from loadgen.report.text import flowing, joined, number

Floats = NDArray[np.float64]

ROWS = 100
FEW = 8
DOTS = 12_000
_HEIGHT = 330


@dataclass(frozen=True, slots=True)
class Timeline:
    """The charts, one per client, and how their streams were selected."""

    charts: tuple[Chart, ...]
    caption: str


@dataclass(frozen=True, slots=True)
class _Shown:
    """The streams that one client's chart shows; times in seconds after the cell's start."""

    client: ClientId
    has_tokens: bool
    moment: float
    open: int
    start: Floats
    first: Floats  # NaN: none came
    end: Floats
    failed: NDArray[np.bool_]
    dot_at: Floats
    dot_row: NDArray[np.int64]


def timeline(repeats: Sequence[Repeat], styles: Styles) -> Timeline:
    """Return the first repeat of each client that has streams, of those given (all of one level).

    Shown are streams open in the middle of the measured window, evenly selected if there are more than
    ``ROWS``, or the ``FEW`` nearest to it where fewer were open; at most ``DOTS`` dots a client.
    """
    chosen: dict[ClientId, _Shown] = {}
    for repeat in sorted(repeats, key=lambda each: each.recording.repeat):
        client = repeat.recording.client
        if client not in chosen and (shown := _shown(repeat)):
            chosen[client] = shown
    shown_all = [chosen[label] for label in styles if label in chosen]
    if not shown_all:
        return Timeline((), "")
    begin, finish = _span(shown_all)
    gaps = np.concatenate([_silences(s)[3] for s in shown_all])
    usual = float(np.median(gaps)) if len(gaps) else 0.0
    silence = max(5 * usual, 0.1)
    ticks = axis([begin, finish], zero=False, log=False, count=4)
    within = {t: label for t, label in ticks.labels.items() if begin <= t <= finish}
    x = Axis(begin, finish, False, within, _("{unit} since the cell began").format(unit=_("s")))
    charts = tuple(_chart(shown, x, silence, styles[shown.client]) for shown in shown_all)
    most = max(s.open for s in shown_all)
    rows = max(len(s.start) for s in shown_all)
    text = (
        _(
            "{rows} streams, evenly chosen from the {open} that were open in the middle of the measured window, one "
            "per row, in the order of their starts."
        )
        if most > rows
        else _(
            "The streams that were open in the middle of the measured window, or nearest to it, one per row, in the "
            "order of their starts."
        )
    )
    marks = _(
        "A dot is an arrival of text, a thin grey line the wait for the first token, a red line a gap of over {gap} "
        "ms, a red cross the end of a failed stream. A gap at the same time in all rows is a stall of the client or "
        "the server; a gap in one row is a delay of that stream only."
    )
    if not any(m.has_tokens for repeat in repeats for m in repeat.parts):
        marks = _(
            "A dot is a read, a thin grey line the wait for the first byte, a red line a gap of over {gap} ms, a red "
            "cross the end of a failed stream."
        )
    chosen_how = text.format(rows=f"{rows:,}", open=f"{most:,}")
    return Timeline(charts, flowing([chosen_how, marks.format(gap=number(silence * 1000))]))


def _span(shown: Sequence[_Shown]) -> tuple[float, float]:
    """Return the first start and the last end, or less around the middle where there are more than ``DOTS`` dots."""
    begin, finish = min(float(s.start.min()) for s in shown), max(float(s.end.max()) for s in shown)
    moment = float(np.median([s.moment for s in shown]))
    while max(_inside(s, begin, finish).sum() for s in shown) > DOTS:
        begin, finish = moment - (moment - begin) * 0.8, moment + (finish - moment) * 0.8
    return begin, finish


def _inside(shown: _Shown, begin: float, finish: float) -> NDArray[np.bool_]:
    return (shown.dot_at >= begin) & (shown.dot_at <= finish)


def _shown(repeat: Repeat) -> _Shown | None:
    start, end = repeat.start, repeat.end
    if not len(start):
        return None
    moment = sum(repeat.window) // 2
    open_then = np.flatnonzero((start <= moment) & (end > moment))
    if len(open_then) < FEW:
        away = np.maximum(start - moment, 0) + np.maximum(moment - end, 0)
        open_then = np.argsort(away, kind="stable")[:FEW]
    order = open_then[np.argsort(start[open_then], kind="stable")]
    rows = order[np.linspace(0, len(order) - 1, min(ROWS, len(order))).round().astype(np.int64)]
    begins = np.cumsum([0, *(len(m.outcome) for m in repeat.parts)])
    part_of = np.searchsorted(begins, rows, "right") - 1
    shown = [(repeat.parts[part], row) for part, row in zip(part_of, rows - begins[part_of], strict=True)]
    pieces = [_reads(m, row) - m.recording.start for m, row in shown]
    outcome = np.array([m.outcome[row] for m, row in shown])
    return _Shown(
        client=repeat.recording.client,
        has_tokens=repeat.recording.workload.has_tokens,
        moment=moment / 1e9,
        open=len(open_then),
        start=start[rows] / 1e9,
        first=np.array([piece[0] / 1e9 if len(piece) else np.nan for piece in pieces]),
        end=end[rows] / 1e9,
        failed=(outcome != Outcome.OK.value) & (outcome != Outcome.STOPPED.value),
        dot_at=np.concatenate(pieces) / 1e9,
        dot_row=np.repeat(np.arange(len(rows)), [len(piece) for piece in pieces]),
    )


def _reads(m: Measured, row: int) -> Ints:
    """Return when the reads of one stream arrived that are drawn: those with text, or where tokens do not count all."""
    begin, end = m.offsets[row : row + 2].tolist()
    arrivals = m.recording.arrivals.rows(slice(begin, end))
    return arrivals.at[arrivals.count > 0] if m.has_tokens else arrivals.at


def _silences(shown: _Shown) -> tuple[Floats, Floats, NDArray[np.int64], Floats]:
    """Return the begin, end, row and length of every gap between two dots of one row."""
    same = shown.dot_row[1:] == shown.dot_row[:-1]
    before, after = shown.dot_at[:-1][same], shown.dot_at[1:][same]
    return before, after, shown.dot_row[1:][same], after - before


def _chart(shown: _Shown, x: Axis, silence: float, style: ClientStyle) -> Chart:
    rows = len(shown.start)
    y = Axis(rows - 0.25, -0.75, False, {})
    made = plot(x, y, min(_HEIGHT, 64 + 12 * rows), left=8, right=12, grid="x")
    numbers = np.arange(rows, dtype=np.float32)
    waited = np.where(np.isnan(shown.first), shown.end, shown.first)
    waits = {"x0": shown.start.astype(np.float32), "x1": waited.astype(np.float32), "y": numbers}
    draw(made, across(), waits, "--wait")
    before, after, row, length = _silences(shown)
    long = length > silence
    without = _("{gap} ms without a token") if shown.has_tokens else _("{gap} ms without a read")
    stalls = {
        "x0": before[long].astype(np.float32),
        "x1": after[long].astype(np.float32),
        "y": row[long].astype(np.float32),
        "text": [without.format(gap=number(1000 * value)) for value in length[long].tolist()],
    }
    red = draw(made, across(line_width=1.5), stalls, "--alarm")
    inside = _inside(shown, x.start, x.end)
    dots = {"x": shown.dot_at[inside].astype(np.float32), "y": shown.dot_row[inside].astype(np.float32)}
    size = 2.4 if rows > 40 else 4
    draw(made, Scatter(x="x", y="y", size=size, marker="circle", line_color=None), dots, style.variable)
    crosses = {"x": shown.end[shown.failed], "y": numbers[shown.failed]}
    draw(made, Scatter(x="x", y="y", size=6, marker="x", line_width=1.5), crosses, "--alarm")
    hover(made, [red], [("", "@text")])
    gaps = int(long.sum())
    over = number(silence * 1000)
    found = [plural(gaps, "{n} gap over {over} ms", "{n} gaps over {over} ms", over=over)]
    if shown.failed.any():
        found.append(_("{n} failed").format(n=f"{int(shown.failed.sum()):,}"))
    text = (
        _("{client}: {rows} rows of token arrivals from {start} to {end} s, {found}, longest gap {gap} ms.")
        if shown.has_tokens
        else _("{client}: {rows} rows of reads from {start} to {end} s, {found}, longest gap {gap} ms.")
    )
    alternative = text.format(
        client=style.label,
        rows=f"{rows:,}",
        start=number(x.start),
        end=number(x.end),
        found=joined(found),
        gap=number(1000 * float(length.max()) if len(length) else None),
    )
    return Chart(style.label, joined(found), made, alternative)
