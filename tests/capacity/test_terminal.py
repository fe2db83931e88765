"""What a search says on a terminal and in a pipe."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from loadgen.capacity.readings import Obstacle, Reading
from loadgen.capacity.terminal import Lines, OnTerminal, steps
from loadgen.model import ClientId


def printed(shown: Any) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


AIOHTTP, REQUESTS, FLOOR = (ClientId(name) for name in ("aiohttp", "requests", "floor"))


def reading(streams: int = 512, **changes: Any) -> Reading:
    plain: dict[str, Any] = {
        "client": AIOHTTP, "streams": streams, "verdict": "within", "use": 0.4, "bound": "lag_p99",
        "lag_p99_ms": 4.0, "errors": 0.0,
    }  # fmt: skip
    return Reading(**plain | changes)


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        (reading(), "aiohttp x 512: lag p99 4.00 ms, errors 0 %: within"),
        (
            reading(1024, verdict="over", lag_p99_ms=40.0),
            "aiohttp x 1,024: lag p99 40.0 ms, errors 0 %: over: lag p99",
        ),
        (
            reading(
                verdict="unmeasured",
                lag_p99_ms=None,
                errors=None,
                obstacle=Obstacle(kind="ended", text="it\x1b[2J died"),
            ),
            "aiohttp x 512: lag p99 –, errors –: does not count: it\\x1b[2J died",
        ),
    ],
)
def test_a_pipe_gets_a_line_per_cell(cell: Reading, line: str) -> None:
    file = io.StringIO()
    watcher = Lines(Console(file=file, width=40))
    watcher.step_begins(AIOHTTP, 512)
    watcher.step_ends(cell)
    assert file.getvalue() == line + "\n"


def test_a_terminal_gets_a_table_that_grows() -> None:
    file = io.StringIO()
    with OnTerminal(Console(file=file, width=100, force_terminal=True)) as watcher:
        watcher.step_begins(AIOHTTP, 512)
        watcher.step_ends(reading())
        watcher.step_ends(reading(64, client=REQUESTS))
    last = file.getvalue().rpartition("client")[2]
    assert "aiohttp" in last
    assert "requests" in last
    assert "measuring" not in last


def test_steps_stand_by_client_and_streams() -> None:
    reported = [reading(512), reading(8, client=FLOOR), reading(64)]
    rows = [line.split()[:2] for line in printed(steps(reported)).splitlines()[1:]]
    assert rows == [["aiohttp", "64"], ["512", "4.00"], ["floor", "8"]]
