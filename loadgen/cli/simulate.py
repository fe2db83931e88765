"""``loadgen simulate``: serve the simulator."""

from __future__ import annotations

import click

from loadgen.cli.common import PORT, fail
from loadgen.exit_code import ExitCode


@click.command()
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=PORT, default=11434, help="Port to listen on; 0 for any free one.")
@click.option("--ttft", metavar="300ms", help="Mean time to first token.")
@click.option("--gap", metavar="50ms", help="Mean time between tokens.")
@click.option("--tokens", metavar="60", help="Tokens of an answer.")
@click.option("--scenario", type=click.Path(), help="Use the simulator of this scenario.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Any key of target.simulator.")
def command(
    *, host: str, port: int, scenario: str | None, settings: tuple[str, ...], **flags: str | None
) -> None:
    """Serve the simulator, for curl or anything else."""
    from loadgen.scenario import Override, simulator
    from loadgen.scenario.source import scalar
    from loadgen.simulator.server import serve

    overrides = [
        Override(f"--{key}", f"target.simulator.{key}", scalar(value))
        for key, value in flags.items()
        if value is not None
    ]
    spec = simulator(scenario, [*overrides, *(f"target.simulator.{setting}" for setting in settings)])
    try:
        serve(spec, host, port)
    except OSError as error:
        reason = error.strerror or error
        fail(f"{host}:{port}: cannot listen there: {reason}; choose another with --port", ExitCode.BAD)
