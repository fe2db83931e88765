"""``loadgen limit``: the most that a client carries within a budget, or a server within objectives."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from loadgen.cli import common


@click.command()
@common.scenario_argument
@click.option(
    "--client", "clients", metavar="NAME", multiple=True,
    help="Client to search for; may be repeated (default: the scenario's).",
)  # fmt: skip
@click.option(
    "--lag-p99", metavar="10ms", callback=common.parsed,
    help="Budget: delivery lag, p99 (default: 10ms; none with --ttft).",
)  # fmt: skip
@click.option(
    "--errors", metavar="1%", default="1%", callback=common.parsed, help="Budget: share of streams that fail."
)
@click.option(
    "--ttft", metavar="1.5", callback=common.parsed,
    help="Budget: median TTFT, as a multiple of the TTFT of one stream.",
)  # fmt: skip
@click.option(
    "--slo", metavar='"ttft_p95_ms < 1000"',
    help="What the server must hold, apart by commas: find the highest level at which it does.",
)  # fmt: skip
@click.option(
    "--precision",
    metavar="5%",
    default="5%",
    callback=common.parsed,
    help="Relative distance of levels next to the limit.",
)
@click.option(
    "--duration", metavar="3s", callback=common.parsed,
    help="Measured part of each step (default: long enough for a p99).",
)  # fmt: skip
@click.option(
    "--max-streams", "--most", cls=common.Renamed, type=common.COUNT,
    help="Upper bound of the search (default: what this machine allows).",
)  # fmt: skip
@click.option(
    "--rate", is_flag=True, help="Search over arrivals per second (default where the scenario has rates)."
)
@click.option(
    "--max-rate", metavar="50/s", callback=common.parsed, help="Upper bound of a search over rates."
)
@click.option(
    "--engines", "--cores", "engines", metavar="N|auto",
    help="Processes that share each step, a core for each; auto: as many as there are cores for.",
)  # fmt: skip
@click.option("--out", type=common.FILE, help="Run folder to write (default: reports/<time>-limit-<name>).")
@common.url_option
@common.set_option
@common.allow_python_option
@common.seed_option
@common.lang_option
@click.option("--quiet", is_flag=True, help="Print the result, but no steps.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: the result and every step.")
def command(
    scenario: str, clients: tuple[str, ...], lag_p99: float | None, errors: float, ttft: float | None, slo: str | None,
    precision: float, duration: float | None, max_streams: int | None, rate: bool, max_rate: float | None,
    engines: str | None, out: Path | None,
    url: str | None, settings: tuple[str, ...], seed: int | None, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Search for the most streams, or the highest rate, that a client carries within a budget, or that a server carries
    within objectives (--slo, or slo in SCENARIO). Each client has one core, or --engines.

    \b
    Exit codes: 0 found, or --max-streams or --max-rate reached     2 bad scenario or arguments
                3 not measured: something else was the limit than what was searched for
                130 interrupted: what is known is printed
    """
    from contextlib import nullcontext

    from loadgen.capacity import document, terminal
    from loadgen.capacity.loads import Goal
    from loadgen.capacity.measure import find_limits
    from loadgen.capacity.objectives import objectives as within
    from loadgen.capacity.readings import Budget
    from loadgen.report.columns import per_event
    from loadgen.report.language import _
    from loadgen.report.renderers import html
    from loadgen.report.renderers import terminal as as_text
    from loadgen.report.write import put
    from loadgen.scenario import objectives, overrides_from_flags, with_clients

    planned = with_clients(
        scenario, [*overrides_from_flags(url=url, seed=seed, engines=engines), *settings], clients, "--client"
    )
    common.warn(planned)
    if not planned.workload.prompts:
        raise click.UsageError(
            "a search does not replay the trace, which has the prompts: give the scenario prompts of its own, "
            "or --set 'prompts=[\"Why is the sky blue?\"]'"
        )
    goal: Goal
    own = planned.workload.slo
    if slo is not None or (own.is_set and lag_p99 is None and ttft is None):
        if lag_p99 is not None or ttft is not None:
            raise click.UsageError(
                "--slo is about the server, --lag-p99 and --ttft about a client: use one of them"
            )
        goal = within(objectives("--slo", slo, planned) if slo is not None else (), errors, own)
    else:
        if lag_p99 is None and ttft is None:
            lag_p99 = 0.01
        goal = Budget(lag_p99_ms=None if lag_p99 is None else lag_p99 * 1000, errors=errors, ttft=ttft)
    rate = rate or planned.levels[0].rate is not None
    if (max_streams if rate else max_rate) is not None:
        raise click.UsageError(
            "this search is over arrivals per second: use --max-rate in place of --max-streams"
            if rate
            else "--max-rate bounds a search over arrivals per second: add --rate"
        )
    console = common.make_console()
    live, listener = None, terminal.Notes()
    if not (quiet or as_json):
        shown = terminal.OnTerminal if console.is_terminal else terminal.Lines
        listener = shown(console, planned.clients, goal, planned.name, rate=rate)
        live = listener if isinstance(listener, terminal.OnTerminal) else None
    with live or nullcontext():
        result = find_limits(
            planned, goal, listener,
            folder=out, precision=precision, window=duration, highest=max_rate if rate else max_streams,
            rate=rate,
        )  # fmt: skip
    if result.failure:
        click.echo(f"loadgen: the search could not be finished: {result.failure}", err=True)
    code = result.exit_code(result.verdict)
    if as_json:
        click.echo(json.dumps({"run": str(result.folder), "exit": code, **result.as_dict()}))
    page = result.folder / document.FILE
    with per_event(each.figures.get("tokens_per_event") for each in result.steps):
        if not as_json:
            console.print(as_text.summary(document.summary(result)))
        put(page, html.report(document.page(result)))
    if not as_json:
        click.echo("  " + _("Report: {path}").format(path=page))
        click.echo("  " + _("Cells: loadgen report {folder}").format(folder=result.folder))
    sys.exit(code)
