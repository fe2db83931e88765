"""The forms of a report, side by side: each is a function from a :class:`~loadgen.report.view.View` to text.

``FILES`` is the table of the files in a run folder; a new one is a function and a line here. Two forms are printed
instead: :func:`loadgen.report.renderers.terminal.report`, and Markdown.
"""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name

from loadgen.report.view import View

FILES: Mapping[str, str] = {
    "summary.csv": "loadgen.report.renderers.csv:summary",
    "summary.json": "loadgen.report.renderers.json:summary",
    "findings.json": "loadgen.report.renderers.json:findings",
    "streams.csv": "loadgen.report.renderers.csv:streams",
    "samples.csv": "loadgen.report.renderers.csv:samples",
    "report.html": "loadgen.report.renderers.html:report",
}


def render(file: str, view: View) -> str:
    """Return the content of that file of :data:`FILES`."""
    text: str = resolve_name(FILES[file])(view)
    return text
