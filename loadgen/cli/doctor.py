"""``loadgen doctor``: check the limits of this machine."""

from __future__ import annotations

import sys

import click

from loadgen.cli.common import COUNT
from loadgen.exit_code import ExitCode


@click.command()
@click.option("--streams", type=COUNT, default=1000, help="Number of simultaneous streams to check for.")
def command(streams: int) -> None:
    """Check this machine. Open files, ports, threads, cores, clock, listen queue."""
    from loadgen.preflight.doctor import checks

    bad = False
    for check in checks(streams):
        click.echo(f"{'ok  ' if check.ok else 'LOW ' if check.fatal else 'note'}  {check.text}")
        bad = bad or (check.fatal and not check.ok)
    sys.exit(ExitCode.FAILED if bad else ExitCode.DONE)
