"""What the commands share: exit codes, options, the console, and how they end with an error."""

from __future__ import annotations

import copy
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

if TYPE_CHECKING:
    from rich.console import Console

    from loadgen.model import Scenario
    from loadgen.scenario import ScenarioError

DONE, FAILED, BAD, UNMEASURED, INTERRUPTED = 0, 1, 2, 3, 130
PIPED_COLUMNS: Final = 110
MASTER_PORT: Final = 5557


class Renamed(click.Option):
    """An option whose spellings after the first are old ones, which the help omits."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        shown = copy.copy(self)
        shown.opts = self.opts[:1]
        return click.Option.get_help_record(shown, ctx)


scenario_argument = click.argument("scenario", type=click.Path())
set_option = click.option(
    "--set",
    "settings",
    metavar="PATH.TO.KEY=VALUE",
    multiple=True,
    help="Override any key of the scenario; may be repeated.",
)
seed_option = click.option(
    "--seed", type=int, help="Seed of the schedule, the order of the cells, and the simulator."
)
url_option = click.option("--url", help="Target URL, in place of the scenario's.")


def load_scenario(path: str, settings: tuple[str, ...] = (), **flags: Any) -> Scenario:
    """Return the scenario with the flags and ``--set`` applied; exit where it has errors."""
    from loadgen.scenario import ScenarioError, load, overrides_from_flags

    try:
        return load(path, [*overrides_from_flags(**flags), *settings])
    except ScenarioError as error:
        refuse(error)


def refuse(error: ScenarioError) -> NoReturn:
    """Print every error of a scenario and exit. Editors look for file:line at the beginning of a line."""
    click.echo(str(error), err=True)
    sys.exit(BAD)


def fail(message: object, code: int) -> NoReturn:
    """Print the message and exit with ``code``."""
    click.echo(f"loadgen: {message}", err=True)
    sys.exit(code)


def import_locust() -> None:
    """Let Locust patch this process, before anything is imported that it would patch too late."""
    # An interrupt in the middle would leave locks half patched, so signals wait for the end of the import.
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        import locust  # noqa: F401
    except ImportError:
        fail('Locust is not installed; install it: pip install "loadgen[locust]"', BAD)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


def make_console() -> Console:
    """Return a console for the standard output; in a pipe it is 110 columns wide, unless COLUMNS is set."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_COLUMNS
    return console


def report_run(folder: Path, console: Console, *, quiet: bool, markdown: bool = False) -> int:
    """Analyse the run, write its reports, print its tables unless ``quiet``; return the exit code.

    ``markdown``: print Markdown, and nothing else.
    """
    from loadgen.api import Run
    from loadgen.report.renderers import markdown as as_markdown
    from loadgen.report.renderers.terminal import Terminal
    from loadgen.report.write import ReportError
    from loadgen.store import StoreError

    try:
        run = Run.load(folder)
    except StoreError as error:
        fail(error, BAD)
    if markdown:
        click.echo(as_markdown.report(run.view), nl=False)
    elif not quiet:
        console.print(Terminal(run.view))
    try:
        path = run.report()
    except ReportError as error:
        click.echo(f"loadgen: {error}", err=True)
        return UNMEASURED
    if not quiet and not markdown:
        click.echo(f"Report: {path}")
    return run.exit_code
