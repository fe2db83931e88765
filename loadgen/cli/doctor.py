"""``loadgen doctor``: check the limits of this machine."""

from __future__ import annotations

import sys

import click

from loadgen.cli.common import COUNT, make_console
from loadgen.exit_code import ExitCode


@click.command()
@click.option("--streams", type=COUNT, default=1000, help="Number of simultaneous streams to check for.")
def command(streams: int) -> None:
    """Check this machine. Open files, ports, threads, cores, clock, listen queue."""
    from loadgen.preflight.doctor import checks
    from loadgen.report.blocks import Block, Text, Verdict
    from loadgen.report.language import plural
    from loadgen.report.renderers.terminal import OnScreen

    console = make_console()

    def show(block: Block) -> None:
        console.print(OnScreen(lambda screen: screen.lines(block)))

    notes, low = 0, False
    for check in checks(streams):
        if check.ok:
            show(Verdict("ok  ", check.text, "good"))
        elif check.fatal:
            low = True
            show(Verdict("LOW ", check.text, "bad"))
        else:
            notes += 1
            show(Verdict("note", check.text, "warn"))
    console.print()
    at_once = f"{plural(streams, '{n} stream', '{n} streams')} at once"
    if low:
        show(Text(f"This machine cannot run {at_once}: raise what is LOW.", "bad"))
    elif notes:
        show(Text(f"This machine can run {at_once}; the notes above may disturb figures.", "warn"))
    else:
        show(Text(f"This machine can run and measure {at_once}.", "good"))
    sys.exit(ExitCode.FAILED if low else ExitCode.DONE)
