"""The one place that writes a report's files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from loadgen import analysis
from loadgen.report import csv
from loadgen.report.html import html

if TYPE_CHECKING:
    from loadgen.model import Run


class ReportError(Exception):
    """A file of the report could not be written; the message names it and says why."""


def write(run: Run) -> Path:
    """Write ``summary.csv``, ``summary.json``, ``streams.csv``, ``samples.csv`` and ``report.html`` into the
    run's folder; return the path of ``report.html``.

    Each appears whole or not at all, and replaces an older one of its name. Raises :class:`ReportError` where
    one cannot be written; those before it are there.
    """
    summaries = analysis.summarise(run)
    findings = analysis.findings(run, summaries)
    files: dict[str, Callable[[], str]] = {
        "summary.csv": lambda: csv.summary_csv(summaries),
        "summary.json": lambda: csv.summary_json(run, summaries, findings),
        "streams.csv": lambda: csv.streams_csv(run),
        "samples.csv": lambda: csv.samples_csv(run),
        "report.html": lambda: html(run, summaries, findings),
    }
    for name, render in files.items():
        _replace(run.folder / name, render())
    return run.folder / "report.html"


def write_html(run: Run, path: Path) -> Path:
    """Write the HTML report alone, to ``path``, and return it. Raises :class:`ReportError`."""
    summaries = analysis.summarise(run)
    _replace(path, html(run, summaries, analysis.findings(run, summaries)))
    return path


def _replace(path: Path, text: str) -> None:
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise ReportError(f"{path}: not written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
