"""``loadgen validate``: check a scenario."""

from __future__ import annotations

import click

from loadgen.cli.common import load_scenario, scenario_argument, set_option


@click.command()
@scenario_argument
@set_option
def command(scenario: str, settings: tuple[str, ...]) -> None:
    """Check a scenario file. Print every error with its file, its line and a remedy."""
    from loadgen.lab.plan import cells

    planned = load_scenario(scenario, settings)
    count = len(cells(planned, planned.target.url or "", ()))
    click.echo(f"{scenario}: valid; cells to run: {count}")
