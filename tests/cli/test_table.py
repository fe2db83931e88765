"""The table of commands, and the old spellings of options."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from loadgen import cli
from tests.cli.command import invoke


def test_a_command_is_a_file_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def command() -> None:
        """Say hello."""
        click.echo("hello")

    module = ModuleType("greeting")
    module.command = command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "greeting", module)
    monkeypatch.setitem(cli.COMMANDS, "greet", "greeting")
    assert "greet     Say hello." in invoke("--help").stdout
    assert invoke("greet").stdout == "hello\n"


def test_every_file_of_a_command_is_in_the_table() -> None:
    files = {path.stem for path in Path(cli.__file__).parent.glob("*.py")} - {
        "__init__",
        "common",
        "exporting",
        "output",
    }
    assert {path.rpartition(".")[2] for path in cli.COMMANDS.values()} == files


@pytest.mark.parametrize(
    ("command", "new", "old"),
    [
        ("limit", "--max-streams", "--most"),
        ("compare", "--force", "--anyway"),
        ("worker", "--connect-timeout", "--patience"),
    ],
)
def test_old_spellings_are_accepted_and_hidden(command: str, new: str, old: str) -> None:
    shown = invoke(command, "--help").stdout
    assert new in shown
    assert old not in shown
    parser = cli.cli.get_command(click.Context(cli.cli), command)
    assert parser is not None
    (option,) = (param for param in parser.params if new in param.opts)
    assert old in option.opts
