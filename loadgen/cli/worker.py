"""``loadgen worker``: measure for a master elsewhere."""

from __future__ import annotations

import sys

import click

from loadgen.cli.common import COUNT, MASTER_PORT, Renamed, allow_python_option, fail, import_locust
from loadgen.exit_code import ExitCode


@click.command()
@click.option("--host", default="127.0.0.1", help="Host of the master.")
@allow_python_option
@click.option("--port", type=click.IntRange(1, 65535), default=MASTER_PORT, help="Port of the master.")
@click.option(
    "--connect-timeout", "--patience", cls=Renamed, type=COUNT, default=60,
    help="Seconds to wait for the master.",
)  # fmt: skip
@click.option(
    "--scenario",
    default="",
    metavar="FILE",
    help="A scenario that the master may name, beside those below here.",
)
@click.option("--url", default="", help="A target that the master may name, in place of the scenario's.")
@click.option(
    "--trust-master", is_flag=True, hidden=True, help="Let the master name any scenario and any target."
)
def command(host: str, port: int, connect_timeout: int, scenario: str, url: str, trust_master: bool) -> None:
    """Measure for a master. That is loadgen run --master, or Locust's own.

    The scenario must be at the same path as on the master, below this folder. Keys come from this worker's environment.
    Both need the same LOADGEN_TOKEN.
    """
    import_locust()
    from loadgen.distributed.processes import NoMaster, work
    from loadgen.distributed.worker import Trust

    try:
        sys.exit(work(host, port, connect_timeout, Trust(trust_master, scenario, url)))
    except NoMaster as error:
        fail(error, ExitCode.NOT_MEASURED)
