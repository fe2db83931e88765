"""``loadgen run``: measure a scenario."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loadgen.cli import common
from loadgen.cli.exporting import exporting
from loadgen.exit_code import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from loadgen.lab.resume import Resumed
    from loadgen.model import Scenario


@click.command()
@click.argument("scenario", type=click.Path(), required=False)
@click.option("--out", type=common.FILE, help="Run folder to write (default: reports/<time>-<name>).")
@click.option(
    "--resume",
    type=common.FILE,
    metavar="FOLDER",
    help="Measure what is missing of a run that was killed, interrupted or failed; the scenario is the folder's.",
)
@common.url_option
@click.option("--clients", metavar="A,B", help="Clients to measure, in place of the scenario's.")
@click.option("--concurrency", metavar="1,10", help="Numbers of simultaneous streams.")
@click.option("--rate", metavar="5,10", help="Arrivals per second, in place of a number of streams.")
@click.option("--repeats", type=int, help="How often each cell is measured.")
@common.engines_option
@click.option("--duration", metavar="10s", help="How long each cell starts new streams.")
@click.option(
    "--max-time", metavar="10m", callback=common.parsed,
    help="End the whole run after this time; what was measured is reported, and --resume goes on.",
)  # fmt: skip
@common.set_option
@common.allow_python_option
@common.seed_option
@click.option("--workers", type=common.COUNT, help="Spread every cell over this many processes.")
@click.option(
    "--master", is_flag=True, help="Wait for those workers to connect (loadgen worker --host HERE)."
)
@click.option("--master-host", default="127.0.0.1", help="Address to listen on for workers.")
@click.option(
    "--master-port", type=common.PORT,
    help="Port to listen on for workers [default: any; 5557 with --master].",
)  # fmt: skip
@click.option(
    "--prometheus", metavar="[HOST]:PORT",
    help="Serve the figures of the run while it goes on [host: 127.0.0.1], such as :9464.",
)  # fmt: skip
@click.option(
    "--otlp", metavar="URL",
    help="Send them by OTLP over HTTP, such as http://127.0.0.1:4318 [default: where OTEL_… variables say].",
)  # fmt: skip
@common.junit_option
@common.parquet_option
@common.lang_option
@click.option(
    "--quiet", is_flag=True, help="Print the summary; on a terminal also a bar, but no measurements."
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object: the run folder, the verdict, the answer, summaries and findings.",
)
def command(
    *, scenario: str | None, out: Path | None, resume: Path | None, max_time: float | None, settings: tuple[str, ...],
    workers: int | None, master: bool, master_host: str, master_port: int | None, prometheus: str | None,
    otlp: str | None, junit: Path | None, parquet: bool, quiet: bool, as_json: bool, **flags: Any,
) -> None:  # fmt: skip
    """Measure SCENARIO. Print the answer; write the run folder.

    \b
    Exit codes: 0 done, every threshold held     1 a threshold failed
                2 bad scenario or arguments      3 not measured, or not to the end
                130 interrupted, or --max-time was over: what was measured is written and reported
    """
    if workers is None and (master or master_port is not None):
        raise click.UsageError("--master needs --workers N, the number of workers to wait for")
    if workers is not None:
        if flags["engines"] is not None:
            raise click.UsageError("--engines and --workers exclude each other: each worker is one engine")
        common.import_locust()
    from loadgen.lab.masking import shareable
    from loadgen.lab.resume import scenario_of
    from loadgen.lab.run import run as lab_run
    from loadgen.lab.target import with_model
    from loadgen.model import Listener, Listeners
    from loadgen.report.progress import OnTerminal, Plain
    from loadgen.report.sentences.remeasured import why_disturbed
    from loadgen.scenario import Override, load, overrides_from_flags
    from loadgen.store import StoreError

    overrides: list[str | Override] = [*overrides_from_flags(**flags), *settings]
    resumed = taken_up(resume, scenario, overrides, out, workers or 0)
    if scenario is not None:
        planned = load(scenario, overrides)
    elif resumed is not None:
        planned = scenario_of(resumed.run)
    else:
        raise click.UsageError("Missing argument 'SCENARIO'.")
    common.warn(planned)
    if workers is not None:
        refuse_to_send_secrets(planned, flags["url"], settings)
        if planned.engines != 1:
            click.echo("loadgen: engines is not used: with --workers each worker is one engine", err=True)
    planned = with_model(planned)
    if resumed is not None and not resumed.unfinished:
        resumed.check(replace(resumed.run.info, scenario=shareable(planned)))
        click.echo(f"loadgen: nothing to do: every cell of {resume} was measured", err=as_json)
        if as_json:
            common.report_run(resumed.run.folder, common.make_console(), "json")
        return
    console = common.make_console()
    listener = Listener()
    if not as_json and (console.is_terminal or not quiet):
        warning = "" if quiet else machine_warning(console, planned)
        shown = OnTerminal if console.is_terminal else Plain
        listener = shown(console, shareable(planned), warning, quiet=quiet)
    export = exporting(shareable(planned), prometheus, otlp, to_stderr=as_json)
    listener = Listeners(listener, *click.get_current_context().with_resource(export))
    if workers is None:
        ran = lab_run(planned, out, listener, judge=why_disturbed, resumed=resumed, max_time_s=max_time)
    else:
        overrides.append(Override("model", "model", planned.workload.model))
        from loadgen.distributed.processes import worker_pool

        pool = worker_pool(
            planned,
            overrides,
            listener,
            workers=workers,
            host=master_host,
            port=master_port if master_port is not None else common.MASTER_PORT if master else 0,
            start=not master,
        )
        ran = lab_run(
            planned,
            out,
            listener,
            pool,
            judge=why_disturbed,
            resumed=resumed,
            max_time_s=max_time,
            worker_count=workers,
        )
    try:
        form: common.Form = "json" if as_json else "summary"
        code = common.report_run(ran.folder, console, form, ran.exit_code, junit=junit, parquet=parquet)
    except KeyboardInterrupt:
        common.fail(
            f"interrupted; what was measured is kept, report it: loadgen report {ran.folder}",
            ExitCode.INTERRUPTED,
        )
    except StoreError:
        if not ran.failure:
            raise
        common.fail(f"the run could not be finished: {ran.failure}", ExitCode.NOT_MEASURED)
    if ran.failure:
        click.echo(f"loadgen: the run could not be finished: {ran.failure}", err=True)
    sys.exit(code)


def taken_up(
    folder: Path | None, scenario: str | None, overrides: Sequence[object], out: Path | None, workers: int
) -> Resumed | None:
    """Return the run that is resumed; exit where the arguments do not go together."""
    from loadgen import store
    from loadgen.analysis.differences import not_resumable
    from loadgen.lab.resume import Resumed

    if folder is None:
        return None
    if out is not None:
        raise click.UsageError(
            "--out and --resume exclude each other: what is missing goes to the same folder"
        )
    if scenario is None and (overrides or workers):
        raise click.UsageError(
            "--resume takes the scenario from the folder: leave out what changes it"
            if overrides
            else "workers read the scenario's file: name it, loadgen run SCENARIO --resume FOLDER --workers N"
        )
    return Resumed(store.load(folder), not_resumable, workers)


def machine_warning(console: Console, planned: Scenario) -> str:
    """Sample the machine; return what would disturb the figures; empty where nothing would."""
    from loadgen.preflight.machine import observe
    from loadgen.report.language import _
    from loadgen.report.text import clauses

    with common.waiting(console, _("Checking the machine")):
        state = observe(simulated=planned.target.simulator is not None)
    if state is None or not state.warnings:
        return ""
    text = _("This machine is not quiet: {why}. What it disturbs is measured again, or marked.")
    return text.format(why=clauses(each.sentence(_) for each in state.warnings))


def refuse_to_send_secrets(scenario: Scenario, url: str | None, settings: tuple[str, ...]) -> None:
    """Exit where the arguments hold a secret: they are sent to the workers."""
    from loadgen.secrets import mask, of_url

    found = [
        f"--set {key}"
        for key, _, value in (setting.partition("=") for setting in settings)
        if any(mask(text, scenario.secrets) != text for text in (value.strip(), value.replace("$$", "$")))
    ]
    if url is not None and (of_url(url) or mask(url, scenario.secrets) != url):
        found.append("--url")
    if found:
        common.fail(
            f"{found[0]} holds a secret, which would be sent to every worker: "
            "name it as ${NAME} in the scenario, and set NAME where the workers run",
            ExitCode.BAD,
        )
