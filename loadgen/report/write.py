"""The one place that writes a report's files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loadgen import files
from loadgen.report import csv
from loadgen.report.html import html

if TYPE_CHECKING:
    from loadgen.model import Finding, Run, Summary


class ReportError(Exception):
    """A file of the report could not be written; the message names it and says why."""


def write(run: Run, summaries: Sequence[Summary], findings: Sequence[Finding]) -> Path:
    """Write ``summary.csv``, ``summary.json``, ``findings.json``, ``streams.csv``, ``samples.csv`` and
    ``report.html`` into the run's folder; return the path of ``report.html``.

    Each appears whole or not at all, and replaces an older one of its name. Raises :class:`ReportError` where
    one cannot be written; those before it are there.
    """
    texts: dict[str, Callable[[], str]] = {
        "summary.csv": lambda: csv.summary_csv(summaries),
        "summary.json": lambda: csv.summary_json(run, summaries, findings),
        "findings.json": lambda: csv.findings_json(run, findings),
        "streams.csv": lambda: csv.streams_csv(run),
        "samples.csv": lambda: csv.samples_csv(run),
        "report.html": lambda: html(run, summaries, findings),
    }
    for name, render in texts.items():
        put(run.folder / name, render())
    return run.folder / "report.html"


def write_html(run: Run, summaries: Sequence[Summary], findings: Sequence[Finding], path: Path) -> Path:
    """Write the HTML report alone, to ``path``, and return it. Raises :class:`ReportError`."""
    put(path, html(run, summaries, findings))
    return path


def put(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, whole or not at all. Raises :class:`ReportError`."""
    try:
        with files.atomic_write(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise ReportError(f"{path}: not written: {error.strerror or error}") from error
