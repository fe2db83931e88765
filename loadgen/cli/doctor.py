"""``loadgen doctor``: check the limits of this machine."""

from __future__ import annotations

import sys

import click

from loadgen.cli.common import COUNT, make_console, set_option, warn
from loadgen.exit_code import ExitCode


@click.command()
@click.argument("scenario", type=click.Path(), required=False)
@click.option("--streams", type=COUNT, help="Number of simultaneous streams to check for [default: 1000].")
@set_option
def command(scenario: str | None, streams: int | None, settings: tuple[str, ...]) -> None:
    """Check this machine. Open files, ports, threads, cores, clock, listen queue, and how many streams a core carries
    with each client: at 20 tokens/s, or as in SCENARIO.
    """
    from loadgen.lab.plan import streams as needed
    from loadgen.preflight.doctor import checks, predictions
    from loadgen.report.blocks import Block, Text, Verdict
    from loadgen.report.columns import where
    from loadgen.report.language import plural
    from loadgen.report.renderers.terminal import OnScreen
    from loadgen.report.sentences.prediction import carries, need, needs
    from loadgen.scenario import load

    console = make_console()
    planned = load(scenario, settings) if scenario else None
    if planned:
        warn(planned)
    if streams is None:
        streams = needed(planned) if planned else 1000

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
    highest = {of.client: of for of in sorted(predictions(planned), key=lambda of: of.level)}
    for of in highest.values():
        short = of.cores > 1 and planned is not None
        notes += short
        text = needs(of, 1) if short else f"{where(of.client, of.level)}: {need(of)}; {carries(of)}"
        show(Verdict("note" if short else "ok  ", text, "warn" if short else "good"))
    for client in planned.clients if planned else ():
        if client not in highest:
            show(Text(f"      {client.label}: how many cores it needs is not known", "quiet"))
    console.print()
    at_once = f"{plural(streams, '{n} stream', '{n} streams')} at once"
    if low:
        show(Text(f"This machine cannot run {at_once}: raise what is LOW.", "bad"))
    elif notes:
        show(Text(f"This machine can run {at_once}; the notes above may disturb figures.", "warn"))
    else:
        show(Text(f"This machine can run and measure {at_once}.", "good"))
    sys.exit(ExitCode.FAILED if low else ExitCode.DONE)
