"""``loadgen clients``: what can be measured here."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """List every client. Its name, sync or async, its version or the command that installs it."""
    from loadgen import clients

    rows = []
    for name in clients.names():
        try:
            info, version = clients.info(name), clients.version(name)
        except (ImportError, clients.InvalidClient) as error:  # of a package that is not ours
            rows.append((name, "", f"cannot be used: {error}"))
            continue
        library = f"{info.distribution} {version}" if version else clients.install(name)
        rows.append((name, "async" if info.mode == "tasks" else "sync", library))
    width = max(len(name) for name, _, _ in rows)
    for name, mode, library in rows:
        click.echo(f"{name:<{width}}  {mode:<5}  {library}")
