"""``loadgen env``: an environment of its own for a client."""

from __future__ import annotations

import sys

import click

from loadgen.cli.common import fail
from loadgen.exit_code import ExitCode


@click.command()
@click.argument("client", required=False)
@click.option("--python", metavar="PATH", help="Build it on this Python.  [default: that of loadgen]")
@click.option("--anew", is_flag=True, help="Build it even if it is there.")
@click.option("--list", "listed", is_flag=True, help="List the environments.")
@click.option("--remove", is_flag=True, help="Remove the client's environment.")
def command(client: str | None, python: str | None, anew: bool, listed: bool, remove: bool) -> None:
    """Build an environment of its own for CLIENT, whose packages do not fit with the rest.

    A client that is not installed beside loadgen runs in its environment by itself.
    """
    import shutil

    from loadgen import clients, environments, interpreters
    from loadgen.model import ClientId
    from loadgen.scenario.problems import choose

    if listed:
        found = list(environments.every())
        for each in found:
            click.echo(f"{each.folder.name}  {each.python}")
        if not found:
            click.echo("no environment; loadgen env CLIENT builds one", err=True)
        return
    if client is None:
        raise click.UsageError("which client? loadgen clients lists them")
    if client not in clients.names():
        fail(f"{client!r} is not a client; {choose(client, clients.names())}", ExitCode.BAD)
    base = shutil.which(python) or python if python else sys.executable
    try:
        if remove:
            gone = environments.remove(client, base)
            click.echo(f"Removed {gone}" if gone else f"{client} has no environment")
            return
        built, new = environments.build(client, base, anew=anew)
    except interpreters.InterpreterError as error:
        fail(f"{base} {error}", ExitCode.BAD)
    except environments.BuildError as error:
        fail(f"{client} has no environment: {error}", ExitCode.NOT_MEASURED)
    click.echo(f"{'Built' if new else 'Is there'}: {built.folder}")
    if interpreters.of(ClientId(client)) == built.python:
        click.echo(f"{client} runs there from now on. In a scenario: clients: [{client}]")
    else:
        click.echo(f"In a scenario: clients: [{{client: {client}, python: {built.python}}}]")
