"""When in the run streams failed: a row per client, a bar per cell, a cross per failed stream."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bokeh.models import HBar, Scatter

from loadgen.analysis.measures import Flags, Measured
from loadgen.model import Recording
from loadgen.report.charts.axes import axis
from loadgen.report.charts.style import Chart, draw, hover, row_plot
from loadgen.report.client_style import Styles
from loadgen.report.columns import level_text
from loadgen.report.language import _
from loadgen.report.text import beside, clauses, number, plain

CROSSES = 2000  # of one client
MINUTES = 300  # seconds of a run from which on its axis has minutes


def failures(recordings: Sequence[Recording], styles: Styles) -> Chart | None:
    """Return the chart of the clients that have failures; ``None`` without any.

    Of very many failures of a client, ``CROSSES`` are drawn, evenly chosen.
    """
    clients = [
        client for client in styles if any(r.client == client and _failed(r).any() for r in recordings)
    ]
    shown = [r for r in recordings if r.client in clients and len(r.streams)]
    if not shown:
        return None
    begin = min(_wall(r, r.start) for r in shown)
    last = max(_wall(r, int(r.streams.end.max())) - begin for r in shown) / 1e9
    unit, scale = (_("min"), 60e9) if last > MINUTES else (_("s"), 1e9)
    x = axis([last * 1e9 / scale], _("{unit} since the run began").format(unit=unit), log=False, count=6)
    made, tops = row_plot([styles[client].label for client in clients], x, 14)
    drawn, words = [], []
    for place, client in zip(tops, clients, strict=True):
        own = [r for r in shown if r.client == client]
        left = [(_wall(r, r.start) - begin) / scale for r in own]
        right = [(_wall(r, int(r.streams.end.max())) - begin) / scale for r in own]
        names = [_cell(r) for r in own]
        cells = {
            "y": [place] * len(own),
            "left": left,
            "right": right,
            "client": names,
            "text": [""] * len(own),
        }
        bar = HBar(y="y", left="left", right="right", height=0.5, fill_alpha=0.5, line_color=None)
        drawn.append(draw(made, bar, cells, "--wait"))
        rows = [(r, row) for r in own for row in np.flatnonzero(_failed(r)).tolist()]
        words.append(f"{styles[client].label} {len(rows):,}")
        rows = rows[:: -(-len(rows) // CROSSES)]
        crosses = {
            "x": [(_wall(r, int(r.streams.end[row])) - begin) / scale for r, row in rows],
            "y": [place] * len(rows),
            "client": [_cell(r) for r, _row in rows],
            "text": [plain(f"{r.streams.outcome[row]} {r.streams.error[row]}", 120) for r, row in rows],
        }
        mark = Scatter(x="x", y="y", size=8, marker="x", line_width=1.5, line_alpha=0.7)
        drawn.append(draw(made, mark, crosses, "--alarm"))
    hover(made, drawn, [("", "@client"), ("", "@text")])
    title = _("When streams failed")
    alternative = _("{title}: {clients}, within {time} {unit}.").format(
        title=title, clients=clauses(words), time=number(last * 1e9 / scale), unit=unit
    )
    return Chart(title, _("a bar is a cell, a cross the end of a failed stream"), made, alternative)


def _cell(of: Recording) -> str:
    return beside(level_text(of.level), _("round {round}").format(round=of.repeat + 1))


def _failed(recording: Recording) -> Flags:
    return Measured(recording).failed


def _wall(recording: Recording, at: int) -> int:
    """Return the time of day, in nanoseconds, of a moment on the recording's own clock."""
    (mono, wall), _after = recording.clock
    return at - mono + wall
