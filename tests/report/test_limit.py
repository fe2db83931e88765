"""What a search says on a terminal and in a pipe."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from loadgen.analysis.crossover import Crossing, Found, Limit
from loadgen.analysis.steps import Reading
from loadgen.report.limit import Lines, OnTerminal, carries, crossing, found, steps, stopped


def printed(shown: Any) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def reading(**changes: Any) -> Reading:
    plain: dict[str, Any] = {
        "client": "aiohttp", "streams": 512, "verdict": "within", "use": 0.4, "by": "lag p99",
        "lag_p99_ms": 4.0, "errors": 0.0,
    }  # fmt: skip
    return Reading(**plain | changes)


def one(**changes: Any) -> Found:
    plain: dict[str, Any] = {
        "client": "aiohttp", "limit": None, "at_least": None, "below": None, "stopped": "budget",
        "reason": "lag p99", "tried": None, "cells": 12,
    }  # fmt: skip
    return Found(**plain | changes)


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        (reading(), "aiohttp x 512: lag p99 4.00 ms, errors 0.0%: within"),
        (
            reading(verdict="over", lag_p99_ms=40.0, streams=1024),
            "aiohttp x 1,024: lag p99 40.0 ms, errors 0.0%: over: lag p99",
        ),
        (
            reading(verdict="machine", lag_p99_ms=None, errors=None, reason="others\x1b[2J took 30%"),
            "aiohttp x 512: lag p99 –, errors –: does not count: others\\x1b[2J took 30%",
        ),
    ],
)
def test_a_pipe_gets_a_line_per_cell(cell: Reading, line: str) -> None:
    file = io.StringIO()
    watcher = Lines(Console(file=file, width=40))
    watcher.begins("aiohttp", 512)
    watcher.heard(cell)
    assert file.getvalue() == line + "\n"


def test_a_terminal_gets_a_table_that_grows() -> None:
    file = io.StringIO()
    with OnTerminal(Console(file=file, width=100, force_terminal=True)) as watcher:
        watcher.begins("aiohttp", 512)
        watcher.heard(reading())
        watcher.heard(reading(client="requests", streams=64))
    last = file.getvalue().rpartition("client")[2]
    assert "aiohttp" in last
    assert "requests" in last
    assert "measuring" not in last


def test_steps_stand_by_client_and_streams() -> None:
    told = [reading(streams=512), reading(client="floor", streams=8), reading(streams=64)]
    rows = [line.split()[:2] for line in printed(steps(told)).splitlines()[1:]]
    assert rows == [["aiohttp", "64"], ["512", "4.00"], ["floor", "8"]]


@pytest.mark.parametrize(
    ("each", "streams", "why"),
    [
        (one(limit=Limit(812.4, 760, 870)), "812", "lag p99"),
        (one(at_least=40, stopped="most"), "at least 40", "--most"),
        (one(at_least=64, below=128, stopped="interrupted"), "64 to 128", "interrupted"),
        (one(below=8, stopped="interrupted"), "fewer than 8", "interrupted"),
        (one(stopped="interrupted"), "–", "interrupted"),
        (
            one(at_least=128, stopped="server", tried=256, reason="the simulator sent late, p99 60.0 ms"),
            "at least 128",
            "the simulator is the limit at 256 streams: the simulator sent late",
        ),
        (
            one(at_least=128, stopped="machine", tried=256, reason="the hypervisor took 20%"),
            "at least 128",
            "the machine is the limit at 256 streams: the hypervisor",
        ),
    ],
)
def test_a_limit_is_told_with_what_stopped_it(each: Found, streams: str, why: str) -> None:
    assert carries(each) == streams
    assert why in stopped(each)
    shown = printed(found([each], [], "lag p99 at most 10 ms", 1))
    assert shown.startswith("Budget: lag p99 at most 10 ms\n")
    assert streams in shown


def test_an_interval_stands_beside_its_limit() -> None:
    shown = printed(found([one(limit=Limit(812.4, 760, 870))], [], "b", 3))
    assert "760 to 870" in shown
    assert "streams on 3 cores" in shown


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"at": Limit(300, 250, 350), "lower": "a"},
            "a and b cross at 300 streams (250 to 350): below, a uses less of the budget; above, more",
        ),
        ({}, "a and b are within the noise of each other between 64 and 512 streams"),
        (
            {"lower": "b", "throughout": True},
            "a and b never crossed between 64 and 512 streams: b used less of the budget throughout",
        ),
        (
            {"lower": "b"},
            "a and b never crossed between 64 and 512 streams: b used less of the budget wherever they differ "
            "beyond the noise",
        ),
    ],
)
def test_two_curves_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    plain: dict[str, Any] = {"one": "a", "other": "b", "low": 64, "high": 512, "at": None, "lower": ""}
    assert crossing(Crossing(**plain | changes)) == sentence
