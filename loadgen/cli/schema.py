"""``loadgen schema``: the JSON Schema of a scenario."""

from __future__ import annotations

import json

import click


@click.command()
def command() -> None:
    """Print the JSON Schema of a scenario, for editors."""
    from loadgen.scenario import schema

    click.echo(json.dumps(schema(), indent=2))
