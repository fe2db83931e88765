"""The commands. Each imports what it needs when it runs: ``loadgen --help`` must not wait for pandas."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

import loadgen

if TYPE_CHECKING:
    from rich.console import Console

    from loadgen.model import Scenario
    from loadgen.scenario import ScenarioError

PIPED_COLUMNS = 110
MASTER_PORT = 5557
WEB_PORT = 8089
UNPROTECTED = "Locust's protocol is not encrypted and has no login, so use it in a network that you trust"
DONE, FAILED, BAD, UNMEASURED, INTERRUPTED = 0, 1, 2, 3, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(loadgen.__version__, prog_name="loadgen")
def cli() -> None:
    """Load-test a streaming HTTP server with the Python clients people really use.

    \b
    loadgen run scenarios/smoke.yaml      everything, on an embedded simulator, in seconds
    loadgen run FILE --url http://127.0.0.1:11434      against a real server
    """


def main() -> NoReturn:
    """The entry point."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)


def _scenario(path: str, settings: tuple[str, ...] = (), **flags: Any) -> Scenario:
    from loadgen.scenario import ScenarioError, load, overrides_from_flags

    try:
        return load(path, [*overrides_from_flags(**flags), *settings])
    except ScenarioError as error:
        _refuse(error)


def _refuse(error: ScenarioError) -> NoReturn:
    # Without our name in front: editors find file:line at the beginning of a line.
    click.echo(str(error), err=True)
    sys.exit(BAD)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"loadgen: {message}", err=True)
    sys.exit(code)


def _patch() -> None:
    """Let Locust patch this process, before anything else is imported that it would patch too late."""
    # An interrupt in the middle of it would leave locks half patched; it waits for the end of the import.
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        import locust  # noqa: F401
    except ImportError:
        _fail('Locust is not installed; install it: pip install "loadgen[locust]"', BAD)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


def _refuse_to_send(scenario: Scenario, url: str | None, settings: tuple[str, ...]) -> None:
    """Exit where the arguments, which workers are told, hold a secret."""
    from loadgen.secrets import mask, of_url

    given = [setting.partition("=") for setting in settings]
    found = [
        f"--set {key}"
        for key, _, value in given
        for text in (value.strip(), value.replace("$$", "$"))
        if mask(text, scenario.secrets) != text
    ]
    if url is not None and (of_url(url) or mask(url, scenario.secrets) != url):
        found.append("--url")
    if found:
        _fail(
            f"{found[0]} holds a secret, which would be sent to every worker: "
            "name it as ${NAME} in the scenario, and set NAME where the workers run",
            BAD,
        )


def _console(stderr: bool = False) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_COLUMNS
    return console


@cli.command()
@click.argument("scenario", type=click.Path())
@click.option(
    "--out", type=click.Path(path_type=Path), help="The run folder itself (default: reports/<time>-<name>)."
)
@click.option("--url", help="The target, in place of the scenario's.")
@click.option("--clients", metavar="A,B", help="These clients, in place of the scenario's.")
@click.option("--concurrency", metavar="1,10", help="These numbers of simultaneous streams.")
@click.option("--repeats", type=int, help="How often each cell is measured.")
@click.option("--duration", metavar="10s", help="How long new streams are started in a cell.")
@click.option(
    "--set", "settings", metavar="PATH.TO.KEY=VALUE", multiple=True, help="Anything in the scenario."
)
@click.option("--seed", type=int, help="Of the schedule, the order of the cells and the simulator.")
@click.option("--workers", type=click.IntRange(min=1), help="Spread every cell over so many processes.")
@click.option("--master", is_flag=True, help="Wait for those workers instead: loadgen worker --host HERE.")
@click.option("--master-host", default="127.0.0.1", show_default=True, help="Where to listen for workers.")
@click.option(
    "--master-port",
    type=click.IntRange(0, 65535),
    help="The port of that [default: any; 5557 with --master].",
)
@click.option("--quiet", is_flag=True, help="No progress; the table and the findings only.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object: the run folder and the verdict."
)
def run(
    *,
    scenario: str,
    out: Path | None,
    url: str | None,
    clients: str | None,
    concurrency: str | None,
    repeats: int | None,
    duration: str | None,
    settings: tuple[str, ...],
    seed: int | None,
    workers: int | None,
    master: bool,
    master_host: str,
    master_port: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run SCENARIO; print the table and the findings; write the run folder.

    \b
    Exit codes: 0 done, every threshold held     1 a threshold failed
                2 bad scenario or arguments      3 not measured
                130 interrupted: what was measured is written and reported
    """
    if workers is None and (master or master_port is not None):
        raise click.UsageError("--master needs --workers N: how many to wait for")
    if workers is not None:
        _patch()
    flags: dict[str, Any] = {
        "url": url,
        "clients": clients,
        "concurrency": concurrency,
        "repeats": repeats,
        "duration": duration,
        "seed": seed,
    }
    planned = _scenario(scenario, settings, **flags)
    from loadgen.lab.listener import Listener, Silent
    from loadgen.lab.run import Refused
    from loadgen.lab.run import run as lab_run
    from loadgen.lab.target import TargetError
    from loadgen.report.progress import OnTerminal, Plain
    from loadgen.simulator.process import SimulatorError
    from loadgen.store import StoreError

    console = _console()
    listener: Listener = Silent()
    if not (quiet or as_json):
        listener = OnTerminal(console) if console.is_terminal else Plain(console)
    try:
        if workers is None:
            ran = lab_run(planned, out, listener)
        else:
            from loadgen.distributed.run import Swarm, is_exposed
            from loadgen.scenario import overrides_from_flags

            _refuse_to_send(planned, url, settings)
            swarm = Swarm(
                planned,
                [*overrides_from_flags(**flags), *settings],
                workers=workers,
                host=master_host,
                port=master_port if master_port is not None else MASTER_PORT if master else 0,
                start=not master,
                note=listener.note,
            )
            if is_exposed(master_host):
                click.echo(f"loadgen: {master_host} is open to others: {UNPROTECTED}", err=True)
            ran = lab_run(planned, out, listener, swarm)
    except (Refused, StoreError) as error:
        _fail(str(error), BAD)
    except (TargetError, SimulatorError) as error:
        _fail(str(error), UNMEASURED)
    try:
        code = _report(ran.folder, console, told=not as_json)
    except KeyboardInterrupt:
        _fail(f"interrupted; what was measured is kept, report it: loadgen report {ran.folder}", INTERRUPTED)
    if ran.failure:
        click.echo(f"loadgen: the run could not be finished: {ran.failure}", err=True)
        code = UNMEASURED
    if ran.interrupted:
        code = INTERRUPTED
    if as_json:
        click.echo(json.dumps({"run": str(ran.folder), "verdict": _VERDICTS[code], "exit": code}))
    sys.exit(code)


_VERDICTS = {DONE: "done", FAILED: "threshold failed", UNMEASURED: "not measured", INTERRUPTED: "interrupted"}


_NOT_WHOLE = {"interrupted": "was interrupted", "failed": "failed", "running": "never ended"}


def _report(folder: Path, console: Console, told: bool) -> int:
    """Derive and write everything; the exit code that the figures ask for."""
    from loadgen import analysis, store
    from loadgen.findings import findings as found
    from loadgen.report import terminal
    from loadgen.report.write import ReportError, write

    try:
        measured = store.load(folder)
    except store.StoreError as error:
        _fail(str(error), BAD)
    summaries = analysis.summarise(measured)
    findings = found(measured, summaries)
    if told:
        if measured.info.state in _NOT_WHOLE:
            planned, state = len(measured.info.cells), _NOT_WHOLE[measured.info.state]
            click.echo(
                f"The run {state}: {len({r.index for r in measured.recordings})} of {planned} cells were measured."
            )
        console.print(terminal.table(summaries))
        console.print(terminal.findings(findings))
    try:
        path = write(measured, summaries, findings)
    except ReportError as error:
        click.echo(f"loadgen: {error}", err=True)
        return UNMEASURED
    if told:
        click.echo(f"Report: {path}")
    return analysis.exit_verdict(summaries, findings)


@cli.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--quiet", is_flag=True, help="Write the files, print nothing.")
def report(folder: Path, quiet: bool) -> None:
    """Make the CSV files and the HTML report of a run folder again."""
    sys.exit(_report(folder, _console(), told=not quiet))


@cli.command()
@click.argument("scenario", type=click.Path())
@click.option(
    "--client", "clients", multiple=True, help="This client; once for each (default: the scenario's)."
)
@click.option("--lag-p99", metavar="10ms", help="Budget: lag, p99 (default: 10ms; none with --ttft).")
@click.option(
    "--errors", metavar="1%", default="1%", show_default=True, help="Budget: share of streams that fail."
)
@click.option("--ttft", metavar="1.5", help="Budget: median TTFT, so many times that of one stream.")
@click.option("--precision", metavar="10%", default="10%", show_default=True, help="How near to come.")
@click.option("--duration", metavar="3s", help="The part of each step that counts (default: long enough).")
@click.option("--most", type=click.IntRange(min=1), help="No more streams (default: as many as fit here).")
@click.option(
    "--cores", type=click.IntRange(min=1), default=1, show_default=True, help="So many engines of a client."
)
@click.option("--out", type=click.Path(path_type=Path), help="The folder (default: reports/<time>-limit-…).")
@click.option("--url", help="The target, in place of the scenario's.")
@click.option(
    "--set", "settings", metavar="PATH.TO.KEY=VALUE", multiple=True, help="Anything in the scenario."
)
@click.option("--seed", type=int, help="Of the schedule, the order of the cells and the simulator.")
@click.option("--quiet", is_flag=True, help="No steps; what was found only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: what was found, every step.")
def limit(
    *,
    scenario: str,
    clients: tuple[str, ...],
    lag_p99: str | None,
    errors: str,
    ttft: str | None,
    precision: str,
    duration: str | None,
    most: int | None,
    cores: int,
    out: Path | None,
    url: str | None,
    settings: tuple[str, ...],
    seed: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Search for the most streams that each client carries on one core within a budget.

    \b
    Exit codes: 0 found, or --most carried     2 bad scenario or arguments
                3 not measured: the target, the simulator or the machine stood in the way
                130 interrupted: what is known is told
    """
    from contextlib import nullcontext

    from loadgen.scenario import ScenarioError, overrides_from_flags, values
    from loadgen.scenario.flags import meant, with_clients

    if lag_p99 is None and ttft is None:
        lag_p99 = "10ms"
    try:
        lag_s = lag_p99 and meant("--lag-p99", "budget", lag_p99, values.duration, "such as 10ms")
        failed = meant("--errors", "budget", errors, values.fraction, "more than 0, less than 100%", 1)
        times = ttft and meant("--ttft", "budget", ttft, values.times, "more than 1, such as 1.5")
        near = meant("--precision", "precision", precision, values.fraction, "more than 0, less than 100%", 1)
        window = duration and meant("--duration", "step", duration, values.duration, "such as 3s")
        planned = with_clients(
            scenario, [*overrides_from_flags(url=url, seed=seed), *settings], clients, "--client"
        )
    except ScenarioError as error:
        _refuse(error)
    from loadgen.analysis.steps import Budget
    from loadgen.lab.run import Refused
    from loadgen.lab.steps import find
    from loadgen.lab.target import TargetError
    from loadgen.report.limit import Lines, OnTerminal, Quiet, found
    from loadgen.simulator.process import SimulatorError
    from loadgen.store import StoreError

    console = _console()
    budget = Budget(lag_p99_ms=lag_s * 1000 if lag_s else None, errors=failed, ttft=times or None)
    watcher = Quiet() if quiet or as_json else OnTerminal(console) if console.is_terminal else Lines(console)
    try:
        with watcher if isinstance(watcher, OnTerminal) else nullcontext():
            searched = find(
                planned, budget, watcher,
                folder=out, precision=near, window=window or None, most=most, cores=cores,
            )  # fmt: skip
    except (Refused, StoreError) as error:
        _fail(str(error), BAD)
    except (TargetError, SimulatorError) as error:
        _fail(str(error), UNMEASURED)
    told = [search.found() for search in searched.searches]
    code = DONE if all(each.stopped in ("budget", "most") for each in told) else UNMEASURED
    if searched.failure:
        click.echo(f"loadgen: the search could not be finished: {searched.failure}", err=True)
        code = UNMEASURED
    if searched.interrupted:
        code = INTERRUPTED
    if as_json:
        click.echo(json.dumps({"run": str(searched.folder), "exit": code, **searched.told}))
    else:
        console.print(found(told, searched.crossings, str(budget), cores))
        click.echo(f"Cells: {searched.folder} (loadgen report {searched.folder})")
    sys.exit(code)


@cli.command()
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("head", required=False, type=click.Path(path_type=Path))
@click.option(
    "--client",
    "labels",
    metavar="NAME",
    multiple=True,
    help="Twice, with one run: the second against the first.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0, min_open=True),
    default=25.0,
    show_default=True,
    metavar="PERCENT",
    help="A worsening that must not go unnoticed.",
)
@click.option("--anyway", is_flag=True, help="Compare what was measured differently, too.")
@click.option("--markdown", metavar="FILE|-", help="Write the verdict and a table for a pull request.")
@click.option("--html", "page", type=click.Path(path_type=Path), metavar="FILE", help="Write it as a page.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def compare(
    *,
    base: Path,
    head: Path | None,
    labels: tuple[str, ...],
    tolerance: float,
    anyway: bool,
    markdown: str | None,
    page: Path | None,
    as_json: bool,
) -> None:
    """Did it get worse? Compare run HEAD with run BASE, or two clients of one run.

    \b
    loadgen compare BASE HEAD
    loadgen compare RUN --client requests --client aiohttp

    \b
    Exit codes: 0 nothing worse beyond the noise     1 worse
                2 bad arguments, or not comparable   3 a run holds nothing valid
                4 cannot tell: how many more repeats would is said
    """
    if (head is None) != (len(labels) == 2):
        raise click.UsageError(
            "compare two runs, BASE and HEAD, or two clients of one run, --client A --client B"
        )
    if as_json and markdown == "-":
        raise click.UsageError("--json and --markdown - both go to the output; give --markdown a file")
    from loadgen import analysis, store
    from loadgen.analysis import causes as why
    from loadgen.analysis import compare as comparing
    from loadgen.analysis.differences import differences, schedules_agree
    from loadgen.model import Validity
    from loadgen.report import comparison, comparison_html
    from loadgen.report.comparison import Sides
    from loadgen.report.write import ReportError, put

    try:
        runs = [store.load(folder) for folder in (base, head) if folder is not None]
    except store.StoreError as error:
        _fail(str(error), BAD)
    summaries = [analysis.summarise(each) for each in runs]
    for folder, found in zip((base, head), summaries, strict=False):
        if all(summary.validity is Validity.INVALID for summary in found):
            _fail(f"{folder}: nothing in it is valid: loadgen report {folder} says why", UNMEASURED)
    if head is not None:
        differ = differences(runs[0], runs[1])
        grave = [difference for difference in differ if difference.grave]
        if grave and not anyway:
            listed = "\n".join(f"  {comparison.told(difference)}" for difference in grave)
            _fail(f"not comparable (compare them with --anyway):\n{listed}", BAD)
        sides = Sides(str(base), str(head), tuple(differ))
        compared = comparing.runs(
            *summaries,
            paired=schedules_agree(runs[0], runs[1]),
            tolerance=tolerance / 100,
        )
        shown = summaries
    else:
        known = {summary.client.label: summary.client for summary in summaries[0]}
        if missing := [label for label in labels if label not in known]:
            _fail(f"{base}: no client {missing[0]!r} in it; there are: {', '.join(known)}", BAD)
        if labels[0] == labels[1]:
            raise click.UsageError("--client names two different clients")
        sides = Sides(labels[0], labels[1])
        compared = comparing.clients(
            summaries[0], known[labels[0]], known[labels[1]], tolerance=tolerance / 100
        )
        shown = [[s for s in summaries[0] if s.client.label == label] for label in labels]
    if compared.verdict == "worse":
        compared = comparing.with_causes(compared, why.findings(runs[-1], summaries[-1]))
    try:
        if page is not None:
            put(page, comparison_html.html(compared, sides, *shown))
        if markdown is not None and markdown != "-":
            put(Path(markdown), comparison.markdown(compared, sides))
    except ReportError as error:
        _fail(str(error), BAD)
    if as_json:
        click.echo(comparison.as_json(compared, sides), nl=False)
    elif markdown == "-":
        click.echo(comparison.markdown(compared, sides), nl=False)
    else:
        _console().print(comparison.terminal(compared, sides))
    sys.exit(comparing.exit_code(compared))


@cli.command()
@click.argument("scenario", type=click.Path())
@click.option(
    "--set", "settings", metavar="PATH.TO.KEY=VALUE", multiple=True, help="Anything in the scenario."
)
def validate(scenario: str, settings: tuple[str, ...]) -> None:
    """Check a scenario file; every error with file, line and what would be right."""
    from loadgen.lab.plan import cells

    planned = _scenario(scenario, settings)
    count = len(cells(planned, planned.target.url or "", ()))
    click.echo(f"{scenario}: valid; cells to run: {count}")


@cli.command()
def schema() -> None:
    """Print the JSON Schema of a scenario, for editors."""
    from loadgen.scenario import schema as made

    click.echo(json.dumps(made(), indent=2))


@cli.command()
def clients() -> None:
    """List every client: name, sync or async, version, or the command that installs it."""
    from loadgen import clients as known

    rows = []
    for name in known.names():
        entry = known.entry(name)
        version = known.version(name)
        told = f"{entry.distribution} {version}" if version else known.install(name)
        rows.append((name, "async" if entry.mode == "tasks" else "sync", told))
    width = max(len(name) for name, _, _ in rows)
    for name, mode, told in rows:
        click.echo(f"{name:<{width}}  {mode:<5}  {told}")


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=11434,
    show_default=True,
    help="Port to listen on; 0 for any free one.",
)
@click.option("--ttft", metavar="300ms", help="Mean time to first token.")
@click.option("--gap", metavar="50ms", help="Mean time between tokens.")
@click.option("--tokens", metavar="60", help="Tokens of an answer.")
@click.option("--scenario", type=click.Path(), help="Take the simulator of this scenario.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Any key of target.simulator.")
def simulate(
    *,
    host: str,
    port: int,
    ttft: str | None,
    gap: str | None,
    tokens: str | None,
    scenario: str | None,
    settings: tuple[str, ...],
) -> None:
    """Serve the Ollama simulator, for curl or anything else."""
    from loadgen.scenario import Override, ScenarioError, simulator
    from loadgen.scenario.source import scalar
    from loadgen.simulator.serve import serve

    flags = {"ttft": ttft, "gap": gap, "tokens": tokens}
    given = [
        Override(f"--{key}", f"target.simulator.{key}", scalar(value))
        for key, value in flags.items()
        if value is not None
    ]
    try:
        spec = simulator(scenario, [*given, *(f"target.simulator.{setting}" for setting in settings)])
    except ScenarioError as error:
        _refuse(error)
    try:
        serve(spec, host, port)
    except OSError as error:
        _fail(
            f"{host}:{port}: cannot listen there: {error.strerror or error}; choose another with --port", BAD
        )


@cli.command()
@click.option(
    "--streams",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="How many simultaneous streams to check for.",
)
def doctor(streams: int) -> None:
    """Check this machine: open files, ports, threads, cores, clock, listen queue."""
    from loadgen.lab.doctor import checks

    bad = False
    for check in checks(streams):
        click.echo(f"{'ok  ' if check.ok else 'LOW ' if check.fatal else 'note'}  {check}")
        bad = bad or (check.fatal and not check.ok)
    sys.exit(FAILED if bad else DONE)


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the master listens.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=MASTER_PORT, show_default=True, help="And on which port."
)
@click.option(
    "--patience", type=click.IntRange(min=1), default=60, show_default=True, help="Seconds to wait for it."
)
def worker(host: str, port: int, patience: int) -> None:
    """Measure for a master: loadgen run --master, or Locust's own.

    The scenario must lie where the master says it does. Keys come from this worker's environment.
    """
    _patch()
    from loadgen.distributed.processes import NoMaster, work

    try:
        sys.exit(work(host, port, patience))
    except NoMaster as error:
        _fail(str(error), UNMEASURED)


@cli.command()
@click.argument("scenario", type=click.Path())
@click.option("--client", help="The client to begin with (default: the scenario's first).")
@click.option("--workers", type=click.IntRange(min=1), help="Measure in so many processes.")
@click.option("--web-host", default="127.0.0.1", show_default=True, help="Where the web UI listens.")
@click.option(
    "--web-port",
    type=click.IntRange(0, 65535),
    default=WEB_PORT,
    show_default=True,
    help="And on which port; 0 for any free one.",
)
@click.option("--tls-cert", type=click.Path(exists=True), help="Serve over HTTPS with this certificate,")
@click.option("--tls-key", type=click.Path(exists=True), help="and its key.")
def ui(
    *,
    scenario: str,
    client: str | None,
    workers: int | None,
    web_host: str,
    web_port: int,
    tls_cert: str | None,
    tls_key: str | None,
) -> None:
    """Open Locust's web UI for SCENARIO: its users are streams, and a tab shows them live.

    Other machines reach it only with --web-host, and then after a login: LOADGEN_UI_USER (loadgen) and
    LOADGEN_UI_PASSWORD (made and shown here where it is not set).
    """
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    _patch()
    from loadgen.locust_ui.session import Wrong
    from loadgen.locust_ui.ui import serve

    planned = _scenario(scenario)
    try:
        serve(
            scenario,
            client or planned.clients[0].label,
            max(level.streams or 1 for level in planned.levels),
            workers=workers,
            host=web_host,
            port=web_port,
            tls=(tls_cert, tls_key) if tls_cert and tls_key else None,
        )
    except Wrong as error:
        _fail(str(error), BAD)
