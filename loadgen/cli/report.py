"""``loadgen report``: make the files of a run folder again."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from loadgen.cli.common import FILE, make_console, report_run


@click.command()
@click.argument("folder", metavar="RUN", type=FILE)
@click.option("--quiet", is_flag=True, help="Write the files and print nothing.")
@click.option("--markdown", is_flag=True, help="Print the report as Markdown, for a pull request.")
def command(folder: Path, quiet: bool, markdown: bool) -> None:
    """Make the CSV files and the HTML report of a run folder again."""
    sys.exit(report_run(folder, make_console(), quiet=quiet, markdown=markdown))
