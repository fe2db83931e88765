"""What a search says on a terminal and in a pipe."""

from __future__ import annotations

import io
from typing import Any, get_args, get_type_hints

import pytest
from rich.console import Console

from loadgen.capacity.curves import Crossing, Limit
from loadgen.capacity.readings import Budget, Obstacle, Reading, ServerCore
from loadgen.capacity.search import Capacity
from loadgen.capacity.terminal import (
    Lines,
    OnTerminal,
    carries,
    crossing,
    describe,
    reason,
    result,
    steps,
    stopped,
)
from loadgen.model import ClientId


def printed(shown: Any) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


AIOHTTP, REQUESTS, FLOOR = (ClientId(name) for name in ("aiohttp", "requests", "floor"))
BUDGET = Budget(lag_p99_ms=10.0, errors=0.01, ttft=None)
LATE = Obstacle(kind="late", late_p99_ms=60.0)


def reading(streams: int = 512, **changes: Any) -> Reading:
    plain: dict[str, Any] = {
        "client": AIOHTTP, "streams": streams, "verdict": "within", "use": 0.4, "bound": "lag_p99",
        "lag_p99_ms": 4.0, "errors": 0.0,
    }  # fmt: skip
    return Reading(**plain | changes)


def one(**changes: Any) -> Capacity:
    plain: dict[str, Any] = {
        "client": AIOHTTP, "limit": None, "at_least": None, "below": None, "stopped": "budget", "tried": None,
        "cells": 12,
    }  # fmt: skip
    return Capacity(**plain | changes)


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


@pytest.mark.parametrize(
    ("each", "streams", "why"),
    [
        (one(limit=Limit(812.4, 760, 870), bound="lag_p99"), "812", "lag p99"),
        (one(at_least=40, stopped="max_streams"), "at least 40", "--max-streams"),
        (one(at_least=64, below=128, stopped="interrupted"), "64 to 128", "interrupted"),
        (one(below=8, stopped="interrupted"), "fewer than 8", "interrupted"),
        (one(stopped="interrupted"), "–", "interrupted"),
        (
            one(at_least=128, stopped="server", tried=256, obstacle=LATE),
            "at least 128",
            "the simulator is the limit at 256 streams: the simulator sent late, p99 60.0 ms",
        ),
        (
            one(at_least=128, stopped="machine", tried=256, obstacle=Obstacle(kind="hypervisor", share=0.2)),
            "at least 128",
            "the machine is the limit at 256 streams: the hypervisor took 20 % of the engine's core",
        ),
    ],
)
def test_a_limit_is_shown_with_what_stopped_the_search(each: Capacity, streams: str, why: str) -> None:
    assert carries(each) == streams
    assert why in stopped(each)
    shown = printed(result([each], [], BUDGET, 1))
    assert shown.startswith("Budget: lag p99 at most 10 ms, errors at most 1 %\n")
    assert streams in shown


def test_an_interval_stands_beside_its_limit() -> None:
    shown = printed(result([one(limit=Limit(812.4, 760, 870))], [], BUDGET, 3))
    assert "760 to 870" in shown
    assert "streams on 3 cores" in shown


def test_a_budget_in_words() -> None:
    only_ttft = Budget(lag_p99_ms=None, errors=None, ttft=1.5)
    assert describe(only_ttft) == "TTFT p50 at most 1.5 times that of one stream"


@pytest.mark.parametrize("kind", get_args(get_type_hints(Obstacle)["kind"]))
def test_every_obstacle_has_a_sentence(kind: Any) -> None:
    assert reason(Obstacle(kind=kind, text="it ended", core=ServerCore(0.9, 0.1)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"at": Limit(300, 250, 350), "lower": AIOHTTP},
            "cross at 300 streams (250 to 350): aiohttp uses less",
        ),
        ({}, "do not differ beyond the noise between 64 and 512 streams"),
        (
            {"lower": REQUESTS, "throughout": True},
            "do not cross between 64 and 512 streams: requests used less",
        ),
        ({"lower": REQUESTS}, "wherever they differ beyond the noise"),
    ],
)
def test_two_curves_in_one_sentence(changes: dict[str, Any], words: str) -> None:
    plain: dict[str, Any] = {
        "one": AIOHTTP, "other": REQUESTS, "low": 64, "high": 512,
        "at": None, "lower": None,
    }  # fmt: skip
    shown = crossing(Crossing(**plain | changes))
    assert shown.startswith("aiohttp and requests ")
    assert words in shown
