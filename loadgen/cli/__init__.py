"""The command line. A command is a file here and a line in :data:`COMMANDS`.

A command's file is imported when the command runs, or when its help is shown; it imports what it needs inside its
function, because ``loadgen --help`` must not wait for pandas.
"""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from typing import Any, Final, NoReturn

import click

import loadgen
from loadgen.cli.common import errors_as_exit_codes
from loadgen.exit_code import ExitCode

COMMANDS: Final = {
    "run": "loadgen.cli.run",
    "report": "loadgen.cli.report",
    "compare": "loadgen.cli.compare",
    "limit": "loadgen.cli.limit",
    "validate": "loadgen.cli.validate",
    "schema": "loadgen.cli.schema",
    "clients": "loadgen.cli.clients",
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
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(ExitCode.INTERRUPTED)
