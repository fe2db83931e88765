"""``loadgen validate``: check a scenario."""

from __future__ import annotations

import click

from loadgen.cli import common
from loadgen.cli.common import scenario_argument, set_option


@click.command()
@scenario_argument
@set_option
def command(scenario: str, settings: tuple[str, ...]) -> None:
    """Check a scenario file. Print every error and warning with its file, its line and a remedy. Run nothing."""
    from loadgen.lab.plan import cells
    from loadgen.scenario import load

    found = load(scenario, settings, execute=False)
    common.warn(found)
    count = len(cells(found, "", ()))
    click.echo(f"{scenario}: valid; cells to run: {count}")
