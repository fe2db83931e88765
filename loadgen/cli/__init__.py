"""The command line. A command is a file here and a line in :data:`COMMANDS`.

A command's file is imported when the command runs, or when its help is shown; it imports what it needs inside its
function, because ``loadgen --help`` must not wait for pandas.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Any, Final, NoReturn

import click

import loadgen
from loadgen.cli import output
from loadgen.cli.common import errors_as_exit_codes
from loadgen.exit_code import ExitCode, end_signals

COMMANDS: Final = {
    "run": "loadgen.cli.run",
    "report": "loadgen.cli.report",
    "compare": "loadgen.cli.compare",
    "limit": "loadgen.cli.limit",
    "validate": "loadgen.cli.validate",
    "schema": "loadgen.cli.schema",
    "clients": "loadgen.cli.clients",
    "env": "loadgen.cli.env",
    "simulate": "loadgen.cli.simulate",
    "doctor": "loadgen.cli.doctor",
    "ui": "loadgen.cli.ui",
    "worker": "loadgen.cli.worker",
}


class Commands(click.Group):
    """The commands of the table, each loaded when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name]).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        with errors_as_exit_codes():
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(loadgen.__version__, prog_name="loadgen")
def cli() -> None:
    """Load-test a streaming HTTP server with the Python clients that people really use.

    \b
    loadgen run scenarios/smoke.yaml      on an embedded simulator, in seconds
    loadgen run FILE --url http://127.0.0.1:11434      against a real server
    """


def main() -> NoReturn:
    """Run the command line and exit with its exit code."""
    for number in end_signals():
        if number != signal.SIGINT:
            signal.signal(number, signal.default_int_handler)
    written = output.tolerate()
    code = _run()
    if why := output.lost(written):
        click.echo(f"loadgen: the output could not be written: {why}", err=True)
        code = code or ExitCode.NOT_MEASURED
    if sys.flags.inspect:  # else Python would show the exit as a traceback, and then a prompt
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _run() -> int:
    try:
        code = cli.main(standalone_mode=False)
        return code if isinstance(code, int) else ExitCode.DONE
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else bool(done.code)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
