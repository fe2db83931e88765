"""What the commands share: options, the console, and how they end with an error."""

from __future__ import annotations

import contextlib
import copy
import os
import signal
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NoReturn

import click

from loadgen.exit_code import ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from loadgen.model import Scenario

PIPED_COLUMNS: Final = 80
MASTER_PORT: Final = 5557
COUNT: Final = click.IntRange(min=1)
PORT: Final = click.IntRange(0, 65535)
FILE: Final = click.Path(path_type=Path)


class Renamed(click.Option):
    """An option whose spellings after the first are old ones, which the help omits."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        shown = copy.copy(self)
        shown.opts = self.opts[:1]
        return click.Option.get_help_record(shown, ctx)


scenario_argument = click.argument("scenario", type=click.Path())
set_option = click.option(
    "--set", "settings", metavar="PATH.TO.KEY=VALUE", multiple=True,
    help="Override any key of the scenario; may be repeated.",
)  # fmt: skip
seed_option = click.option(
    "--seed", type=int, help="Seed of the schedule, the order of the cells, and the simulator."
)
engines_option = click.option(
    "--engines", metavar="N|auto",
    help="Processes that share each cell, a core for each; auto: as many as the load is predicted to need.",
)  # fmt: skip


def _allow_python(context: click.Context, _: click.Parameter, allowed: bool) -> None:
    from loadgen.interpreters import ALLOWED, ANY

    if allowed:  # for workers and reports too, which are processes of their own
        before = os.environ.get(ALLOWED)
        context.call_on_close(lambda: os.environ.update({ALLOWED: before or ""}))
        os.environ[ALLOWED] = ANY


allow_python_option = click.option(
    "--allow-python", is_flag=True, expose_value=False, callback=_allow_python, is_eager=True,
    help="Run the interpreters that the scenario names (python:).",
)  # fmt: skip


def _use_language(context: click.Context, _: click.Parameter, name: str | None) -> None:
    from loadgen.report.language import language, preferred

    try:
        context.with_resource(language(name or preferred()))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


lang_option = click.option(
    "--lang", metavar="LANGUAGE", expose_value=False, callback=_use_language,
    help="Language of report and terminal: en, zh [default: that of the locale].",
)  # fmt: skip


def parsed(ctx: click.Context, param: click.Parameter, text: str | None) -> float | None:  # noqa: ARG001
    """Return the number, share or seconds that a flag means. Raises ScenarioError."""
    from loadgen.scenario import parse_flag

    return None if text is None else parse_flag(param.opts[0], text)


def _need_pyarrow(_: click.Context, __: click.Parameter, wanted: bool) -> bool:
    if wanted and find_spec("pyarrow") is None:
        fail('pyarrow is not installed; install it: pip install "loadgen[parquet]"', ExitCode.BAD)
    return wanted


junit_option = click.option(
    "--junit", type=FILE, metavar="FILE", help="Write JUnit XML: thresholds and validity."
)
parquet_option = click.option(
    "--parquet", is_flag=True, callback=_need_pyarrow, help="Write Parquet files beside the CSV files."
)
url_option = click.option("--url", help="Target URL, in place of the scenario's.")


@contextlib.contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Print an error that the user can fix, and exit with its code; raise any other."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        from loadgen.preflight.requirements import Refused
        from loadgen.preflight.target import TargetError, TrustError
        from loadgen.report.write import ReportError
        from loadgen.scenario import ScenarioError
        from loadgen.simulator.process import SimulatorError
        from loadgen.store import StoreError

        if isinstance(error, ScenarioError):
            click.echo(str(error), err=True)  # editors look for file:line at the beginning of a line
            sys.exit(ExitCode.BAD)
        if isinstance(error, Refused | StoreError | ReportError | TrustError):
            fail(error, ExitCode.BAD)
        if isinstance(error, TargetError | SimulatorError):
            fail(error, ExitCode.NOT_MEASURED)
        raise


def fail(message: object, code: ExitCode) -> NoReturn:
    """Print the message and exit with ``code``."""
    click.echo(f"loadgen: {message}", err=True)
    sys.exit(code)


def warn(scenario: Scenario) -> None:
    """Print the warnings about a valid scenario."""
    for warning in scenario.warnings:
        click.echo(f"{warning} (warning)", err=True)


def import_locust() -> None:
    """Let Locust patch this process, before anything is imported that it would patch too late."""
    # An interrupt in the middle would leave locks half patched, so signals wait for the end of the import.
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        import locust  # noqa: F401
    except ImportError:
        fail('Locust is not installed; install it: pip install "loadgen[locust]"', ExitCode.BAD)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


def make_console() -> Console:
    """Return a console for the standard output; in a pipe it is 80 columns wide, unless COLUMNS is set."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_COLUMNS
    return console


def waiting(console: Console, text: str, *, quiet: bool = False) -> contextlib.AbstractContextManager[object]:
    """Show on a terminal what goes on, until the block ends."""
    shown = console.is_terminal and not quiet
    return console.status(text, spinner="line") if shown else contextlib.nullcontext()


VERDICTS: Final = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "threshold failed",
    ExitCode.NOT_MEASURED: "not measured",
    ExitCode.INTERRUPTED: "interrupted",
}
Form = Literal["summary", "details", "markdown", "json", "none"]


def report_run(
    folder: Path,
    console: Console,
    form: Form,
    settled: Callable[[ExitCode], ExitCode] = lambda code: code,
    *,
    junit: Path | None = None,
    parquet: bool = False,
    streams: bool = False,
) -> ExitCode:
    """Analyse the run, write its reports, print it in that form; return the exit code, ``settled``.

    Raises StoreError for what is no run folder.
    """
    from loadgen.api import Run
    from loadgen.report.document import document, summary
    from loadgen.report.language import _
    from loadgen.report.renderers import json, markdown, terminal
    from loadgen.report.renderers.junit import junit as as_junit
    from loadgen.report.write import ReportError, put, too_large, write

    run = Run.load(folder)

    quiet = form in ("json", "markdown", "none")
    # what was measured is printed first: the files may not be written, on a full disk
    with waiting(console, _("Analysing what was measured"), quiet=quiet):
        match form:
            case "markdown":
                text = markdown.report(document(run.view, "markdown"))
            case "json":
                code = settled(run.exit_code)
                text = json.result(run.view, VERDICTS[code], code)
            case "details":
                screen = terminal.report(document(run.view, "terminal"))
            case "summary":
                screen = terminal.summary(summary(run.view))
    if form in ("json", "markdown"):
        click.echo(text, nl=False)
    elif form != "none":
        console.print(screen)
    try:
        with waiting(console, _("Writing the report"), quiet=quiet):
            path = write(run.view, parquet=parquet, streams=streams)
        if junit:
            put(junit, as_junit(run.view))
    except ReportError as error:
        click.echo(f"loadgen: {error}", err=True)
        return settled(ExitCode.NOT_MEASURED)
    if form in ("details", "summary"):
        click.echo("  " + _("Report: {path}").format(path=path))
        if not streams and (number := too_large(run.view)):
            text = _("streams.csv is left out ({number} streams): loadgen report {folder} --streams")
            click.echo("  " + text.format(number=f"{number:,}", folder=folder))
    if form == "summary":
        click.echo("  " + _("More: loadgen report {folder} --details").format(folder=folder))
    return settled(run.exit_code)
