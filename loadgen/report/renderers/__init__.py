"""The forms of a report, side by side: each is a function from a :class:`~loadgen.report.view.View` to text.

``FILES`` is the table of the files in a run folder. Two forms are printed instead:
:class:`~loadgen.report.renderers.terminal.Terminal`, and Markdown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from loadgen.report.renderers import csv, html, json
from loadgen.report.view import View

FILES: Mapping[str, Callable[[View], str]] = {
    "summary.csv": csv.summary,
    "summary.json": json.summary,
    "findings.json": json.findings,
    "streams.csv": csv.streams,
    "samples.csv": csv.samples,
    "report.html": html.report,
}
