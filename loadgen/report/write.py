"""The one place that writes a report's files."""

from __future__ import annotations

from pathlib import Path

from loadgen import files
from loadgen.report.renderers import FILES, PARQUET, render
from loadgen.report.view import View


class ReportError(Exception):
    """A file of the report could not be written; the message names it and says why."""


def write(view: View, *, parquet: bool = False) -> Path:
    """Write the files of :data:`~loadgen.report.renderers.FILES` into the run's folder; return the path of the page.

    With ``parquet``, those of :data:`~loadgen.report.renderers.PARQUET` too, which need pyarrow.
    Each is written completely or not at all, and replaces an older one of its name. Raises :class:`ReportError` where
    one cannot be written; those before it are there.
    """
    for name in (*FILES, *(PARQUET if parquet else ())):
        put(view.run.folder / name, render(name, view))
    return view.run.folder / "report.html"


def write_html(view: View, path: Path) -> Path:
    """Write the HTML report alone, to ``path``, and return it. Raises :class:`ReportError`."""
    put(path, render("report.html", view))
    return path


def put(path: Path, content: str | bytes) -> None:
    """Write ``content`` to ``path``, completely or not at all. Raises :class:`ReportError`."""
    try:
        with files.atomic_write(path) as file:
            file.write(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise ReportError(f"{path}: not written: {error.strerror or error}") from error
