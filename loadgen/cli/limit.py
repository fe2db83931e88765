"""``loadgen limit``: the most streams within a budget."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from loadgen.cli.common import (
    BAD,
    DONE,
    INTERRUPTED,
    UNMEASURED,
    Renamed,
    fail,
    make_console,
    refuse,
    scenario_argument,
    seed_option,
    set_option,
    url_option,
)


@click.command()
@scenario_argument
@click.option(
    "--client",
    "clients",
    metavar="NAME",
    multiple=True,
    help="Client to search for; may be repeated (default: the scenario's).",
)
@click.option(
    "--lag-p99", metavar="10ms", help="Budget: delivery lag, p99 (default: 10ms; none with --ttft)."
)
@click.option(
    "--errors", metavar="1%", default="1%", show_default=True, help="Budget: share of streams that fail."
)
@click.option("--ttft", metavar="1.5", help="Budget: median TTFT, as a multiple of the TTFT of one stream.")
@click.option(
    "--precision", metavar="10%", default="10%", show_default=True, help="Relative precision of the limit."
)
@click.option("--duration", metavar="3s", help="Measured part of each step (default: long enough for a p99).")
@click.option(
    "--max-streams",
    "--most",
    cls=Renamed,
    type=click.IntRange(min=1),
    help="Upper bound of the search (default: what this machine allows).",
)
@click.option(
    "--cores",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Engines of a client, a core each.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run folder to write (default: reports/<time>-limit-<name>).",
)
@url_option
@set_option
@seed_option
@click.option("--quiet", is_flag=True, help="Print the result, but no steps.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: the result and every step.")
def command(
    *,
    scenario: str,
    clients: tuple[str, ...],
    lag_p99: str | None,
    errors: str,
    ttft: str | None,
    precision: str,
    duration: str | None,
    max_streams: int | None,
    cores: int,
    out: Path | None,
    url: str | None,
    settings: tuple[str, ...],
    seed: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Search for the most streams within a budget. Each client has one core, or --cores.

    \b
    Exit codes: 0 found, or --max-streams reached     2 bad scenario or arguments
                3 not measured: the target, the simulator or the machine was the limit
                130 interrupted: what is known is printed
    """
    from contextlib import nullcontext

    from loadgen.scenario import ScenarioError, overrides_from_flags, values
    from loadgen.scenario.flags import parse_flag, with_clients

    if lag_p99 is None and ttft is None:
        lag_p99 = "10ms"
    try:
        lag_s = lag_p99 and parse_flag("--lag-p99", "budget", lag_p99, values.duration, "such as 10ms")
        failed = parse_flag("--errors", "budget", errors, values.fraction, "more than 0, less than 100%", 1)
        times = ttft and parse_flag("--ttft", "budget", ttft, values.multiple, "more than 1, such as 1.5")
        near = parse_flag(
            "--precision", "precision", precision, values.fraction, "more than 0, less than 100%", 1
        )
        window = duration and parse_flag("--duration", "step", duration, values.duration, "such as 3s")
        planned = with_clients(
            scenario, [*overrides_from_flags(url=url, seed=seed), *settings], clients, "--client"
        )
    except ScenarioError as error:
        refuse(error)
    from loadgen.capacity import export, terminal
    from loadgen.capacity.measure import find_limits
    from loadgen.capacity.readings import Budget
    from loadgen.preflight.requirements import Refused
    from loadgen.preflight.target import TargetError
    from loadgen.simulator.process import SimulatorError
    from loadgen.store import StoreError

    console = make_console()
    budget = Budget(lag_p99_ms=lag_s * 1000 if lag_s else None, errors=failed, ttft=times or None)
    live = terminal.OnTerminal(console) if console.is_terminal and not (quiet or as_json) else None
    listener = live or (terminal.Quiet() if quiet or as_json else terminal.Lines(console))
    try:
        with live or nullcontext():
            result = find_limits(
                planned, budget, listener,
                folder=out, precision=near, window=window or None, max_streams=max_streams, cores=cores,
            )  # fmt: skip
    except (Refused, StoreError) as error:
        fail(error, BAD)
    except (TargetError, SimulatorError) as error:
        fail(error, UNMEASURED)
    code = (
        DONE if all(each.stopped in ("budget", "max_streams") for each in result.capacities) else UNMEASURED
    )
    if result.failure:
        click.echo(f"loadgen: the search could not be finished: {result.failure}", err=True)
        code = UNMEASURED
    if result.interrupted:
        code = INTERRUPTED
    if as_json:
        click.echo(json.dumps({"run": str(result.folder), "exit": code, **export.as_dict(result)}))
    else:
        console.print(terminal.result(result.capacities, result.crossings, budget, cores))
        click.echo(f"Cells: {result.folder} (loadgen report {result.folder})")
    sys.exit(code)
