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
def command(host: str, port: int, connect_timeout: int) -> None:
    """Measure for a master. That is loadgen run --master, or Locust's own.

    The scenario must be at the same path as on the master. Keys come from this worker's environment.
    """
    import_locust()
    from loadgen.distributed.processes import NoMaster, work

    try:
        sys.exit(work(host, port, connect_timeout))
    except NoMaster as error:
        fail(error, ExitCode.NOT_MEASURED)
