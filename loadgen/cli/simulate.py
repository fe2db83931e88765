"""``loadgen simulate``: serve the simulator."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from loadgen.cli.common import PORT, fail
from loadgen.exit_code import ExitCode

if TYPE_CHECKING:
    from loadgen.model import Request


@click.command()
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=PORT, default=11434, help="Port to listen on; 0 for any free one.")
@click.option(
    "--protocol",
    "chosen",
    metavar="NAME,…",
    multiple=True,
    help="Serve only these protocols; may be repeated. Default: all APIs.",
)
@click.option("--ttft", metavar="300ms", help="Mean time to first token.")
@click.option("--gap", metavar="50ms", help="Mean time between tokens.")
@click.option("--tokens", metavar="60", help="Tokens of an answer.")
@click.option(
    "--tls", is_flag=True, flag_value="true", default=None, help="Serve over TLS, with a new certificate."
)
@click.option("--scenario", type=click.Path(), help="Use the simulator of this scenario.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Any key of target.simulator.")
def command(
    *,
    host: str,
    port: int,
    chosen: tuple[str, ...],
    scenario: str | None,
    settings: tuple[str, ...],
    **flags: str | None,
) -> None:
    """Serve the simulator, for curl or anything else."""
    from loadgen.scenario import Override, simulator
    from loadgen.scenario.problems import choose
    from loadgen.scenario.source import scalar
    from loadgen.simulator.apis import APIS, served
    from loadgen.simulator.apis.generic import described
    from loadgen.simulator.example import example
    from loadgen.simulator.server import Server

    overrides = [
        Override(f"--{key}", f"target.simulator.{key}", scalar(value))
        for key, value in flags.items()
        if value is not None
    ]
    spec = simulator(scenario, [*overrides, *(f"target.simulator.{setting}" for setting in settings)])
    names = [name.strip() for text in chosen for name in text.split(",")] or served(spec)
    for name in names:
        if name not in APIS:
            fail(f"--protocol: {name} is not simulated; {choose(name, APIS)}", ExitCode.BAD)
    try:
        server = Server(spec, host, port, names)
    except OSError as error:
        reason = error.strerror or error
        fail(f"{host}:{port}: cannot listen there: {reason}; choose another with --port", ExitCode.BAD)
    server.stop_on_signals()
    trusted = f" The certificate to trust is {server.ca}." if server.ca else ""
    click.echo(f"The simulator listens at {server.url} (Ctrl-C ends it).{trusted} Try:")
    for name in dict.fromkeys(names):
        click.echo(
            f"\n  # {name}\n  {_curl(example(name, server.url, spec, described(name, spec)), server.ca)}"
        )
    server.run()


def _curl(request: Request, ca: str) -> str:
    """Return the command that sends the request, and trusts the certificates in ``ca``, if any."""
    headers = [f"{header}: {value}" for header, value in request.headers.items() if header != "Accept"]
    words = [
        "curl",
        "-N",
        *(["--cacert", ca] if ca else []),
        request.url,
        *(word for header in headers for word in ("-H", header)),
    ]
    return shlex.join([*words, *(["--data-raw", request.body.decode()] if request.body else [])])
