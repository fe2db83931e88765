"""What a search says on a terminal and in a pipe."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from loadgen.capacity.readings import Budget, Obstacle, Reading
from loadgen.capacity.terminal import Lines, OnTerminal
from loadgen.model import ClientId, Level

AIOHTTP, REQUESTS = ClientId("aiohttp"), ClientId("requests")
BUDGET = Budget(lag_p99_ms=10.0, errors=0.01, ttft=None)


def reading(streams: int = 512, **changes: Any) -> Reading:
    plain: dict[str, Any] = {
        "client": AIOHTTP, "level": Level(streams=streams), "verdict": "within", "use": 0.4, "bound": "lag_p99",
        "lag_p99_ms": 4.0, "errors": 0.0,
    }  # fmt: skip
    return Reading(**plain | changes)


@pytest.mark.parametrize(
    ("cell", "row"),
    [
        (reading(), "aiohttp 512 4.00 0 % within"),
        (reading(1024, verdict="over", lag_p99_ms=40.0), "aiohttp 1,024 40.0 0 % over: lag p99"),
        (
            reading(
                verdict="unmeasured",
                lag_p99_ms=None,
                errors=None,
                obstacle=Obstacle(kind="ended", text="it\x1b[2J died"),
            ),
            "aiohttp 512 – – does not count: it\\x1b[2J died",
        ),
    ],
)
def test_a_pipe_gets_a_line_per_cell(cell: Reading, row: str) -> None:
    file = io.StringIO()
    watcher = Lines(Console(file=file, width=80), [AIOHTTP], BUDGET, "limit")
    watcher.step_begins(AIOHTTP, Level(streams=512))
    watcher.step_ends(cell)
    first, *_, last = file.getvalue().splitlines()
    assert first == "limit  1 client"
    assert " ".join(last.split()) == row


def test_rows_are_aligned_and_a_long_verdict_is_wrapped() -> None:
    file = io.StringIO()
    watcher = Lines(Console(file=file, width=60), [AIOHTTP, REQUESTS], BUDGET)
    watcher.step_ends(reading())
    watcher.step_ends(
        reading(64, client=REQUESTS, verdict="machine", obstacle=Obstacle(kind="ended", text="why " * 20))
    )
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    assert not any(line != line.rstrip() for line in lines)
    (within,) = (line for line in lines if line.endswith("within"))
    start = within.index("within")
    below = lines[lines.index(within) + 1 :]
    assert below[0][start:].startswith("does not count: why")
    assert all(line[:start].isspace() for line in below[1:])


def test_a_terminal_gets_a_line_per_cell_and_what_is_measured_now() -> None:
    file = io.StringIO()
    with OnTerminal(
        Console(file=file, width=100, force_terminal=True), [AIOHTTP, REQUESTS], BUDGET
    ) as watcher:
        watcher.step_begins(AIOHTTP, Level(streams=512))
        watcher.step_ends(reading())
        watcher.step_ends(reading(64, client=REQUESTS))
    last = file.getvalue().rpartition("client")[2]
    assert "aiohttp" in last
    assert "requests" in last
