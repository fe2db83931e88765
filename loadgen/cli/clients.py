"""``loadgen clients``: what can be measured here."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """List every client. Its name, sync or async, its version or the command that installs it."""
    from loadgen import clients, interpreters
    from loadgen.model import ClientId

    rows = []
    for name in clients.names():
        try:
            info, version, where = clients.info(name), clients.version(name), ""
            if python := interpreters.of(ClientId(name)):
                version, where = interpreters.inspect(ClientId(name)).version, f", in {python}"
        except (
            ImportError,
            clients.InvalidClient,
            interpreters.InterpreterError,
        ) as error:  # of a package that is not ours
            rows.append((name, "", f"cannot be used: {error}"))
            continue
        library = f"{info.distribution or 'Python'} {version}{where}" if version else clients.install(name)
        rows.append((name, "async" if info.mode == "tasks" else "sync", library))
    width = max(len(name) for name, _, _ in rows)
    for name, mode, library in rows:
        click.echo(f"{name:<{width}}  {mode:<5}  {library}")
