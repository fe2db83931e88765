"""``loadgen report``: make the files of a run folder again."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from loadgen.cli.common import FILE, Form, junit_option, lang_option, make_console, parquet_option, report_run


@click.command()
@click.argument("folder", metavar="RUN", type=FILE)
@click.option("--details", "form", flag_value="details", help="Print every section that a terminal can show.")
@click.option("--markdown", "form", flag_value="markdown", help="Print Markdown, for a pull request.")
@click.option("--json", "form", flag_value="json", help="Print one JSON object: summaries and findings.")
@click.option("--quiet", "form", flag_value="none", help="Write the files and print nothing.")
@junit_option
@parquet_option
@lang_option
def command(folder: Path, form: Form | None, junit: Path | None, parquet: bool) -> None:
    """Make the CSV files and the HTML report of a run folder again, and print its summary."""
    sys.exit(report_run(folder, make_console(), form or "summary", junit=junit, parquet=parquet))
