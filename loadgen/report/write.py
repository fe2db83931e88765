"""The one place that writes a report's files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadgen import files
from loadgen.report.renderers import FILES, PARQUET, csv, render
from loadgen.report.view import View

STREAMS = "streams.csv"
MAX_STREAMS = 100_000  # rows of a streams.csv that is written unasked


class ReportError(Exception):
    """A file of the report could not be written; the message names it and says why."""


def too_large(view: View) -> int:
    """Return how many streams the run has if they are too many for a CSV file that nobody asked for; otherwise 0."""
    number = sum(len(recording.streams) for recording in view.run.recordings)
    return number if number > MAX_STREAMS else 0


def write(view: View, *, parquet: bool = False, streams: bool = False) -> Path:
    """Write the files of :data:`~loadgen.report.renderers.FILES` into the run's folder; return the path of the page.

    ``streams.csv`` is left out where it is :func:`too_large`, unless ``streams`` asks for it. With ``parquet``, those
    of :data:`~loadgen.report.renderers.PARQUET` are written too, which need pyarrow.
    Each is written completely or not at all, and replaces an older one of its name. Raises :class:`ReportError` where
    one cannot be written; those before it are there.
    """
    for name in (*FILES, *(PARQUET if parquet else ())):
        if name != STREAMS:
            put(view.run.folder / name, render(name, view))
        elif streams or not too_large(view):
            put(view.run.folder / name, csv.streams_pieces(view))
    return view.run.folder / "report.html"


def write_html(view: View, path: Path) -> Path:
    """Write the HTML report alone, to ``path``, and return it. Raises :class:`ReportError`."""
    put(path, render("report.html", view))
    return path


def put(path: Path, content: str | bytes | Iterable[str]) -> None:
    """Write ``content`` to ``path``, completely or not at all. Raises :class:`ReportError`."""
    try:
        with files.atomic_write(path) as file:
            pieces = [content] if isinstance(content, str | bytes) else content
            file.writelines(each.encode() if isinstance(each, str) else each for each in pieces)
    except OSError as error:
        raise ReportError(f"{path}: not written: {error.strerror or error}") from error
