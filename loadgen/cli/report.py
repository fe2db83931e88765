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
@click.option("--streams", is_flag=True, help="Write streams.csv however many streams there are.")
@lang_option
def command(folder: Path, form: Form | None, junit: Path | None, parquet: bool, streams: bool) -> None:
    """Make the CSV files and the HTML report of a run folder again, and print its summary."""
    form = form or "summary"
    sys.exit(report_run(folder, make_console(), form, junit=junit, parquet=parquet, streams=streams))
