"""The forms of a report, side by side.

``FILES`` is the table of the files in a run folder, each a function of a :class:`~loadgen.report.view.View`; a new one
is a function and a line here. HTML, Markdown and the terminal render a :class:`~loadgen.report.blocks.Document`.
"""

from __future__ import annotations

from pkgutil import resolve_name

from loadgen.report.view import View

FILES: dict[str, str] = {
    "summary.csv": "loadgen.report.renderers.csv:summary",
    "summary.json": "loadgen.report.renderers.json:summary",
    "findings.json": "loadgen.report.renderers.json:findings",
    "streams.csv": "loadgen.report.renderers.csv:streams",
    "samples.csv": "loadgen.report.renderers.csv:samples",
    "report.html": "loadgen.report.document:html",
}
PARQUET: dict[str, str] = {  # where they are asked for
    "summary.parquet": "loadgen.report.renderers.parquet:summary",
    "streams.parquet": "loadgen.report.renderers.parquet:streams",
    "samples.parquet": "loadgen.report.renderers.parquet:samples",
}


def render(file: str, view: View) -> str | bytes:
    """Return the content of that file of :data:`FILES` or :data:`PARQUET`."""
    made: str | bytes = resolve_name((FILES | PARQUET)[file])(view)
    return made
