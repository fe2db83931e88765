"""Answers of status 200 that are no success: the exit code and the verdict say so."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest

import loadgen
from tests.cli.command import invoke, scenario
from tests.clients.conditions import length
from tests.clients.raw import Raw, Received, Wire
from tests.protocols.wire import OPENAI, Case, used

FAILS = OPENAI["vLLM, first"]
FINE, SILENT = OPENAI["plain"], OPENAI["a reason and no output"]
ABSURD = used('{"completion_tokens":1000000000000}')


class Answers(Raw):
    """The cases in turn, whatever the prompt."""

    def __init__(self, *cases: Case) -> None:
        super().__init__({})
        self._cases = cycle(cases)

    def handle(self, wire: Wire, received: Received) -> None:
        data = next(self._cases).data
        wire.send(length(len(data), more=b"Content-Type: text/event-stream\r\n"), data)


@pytest.mark.parametrize(
    ("cases", "code", "outcomes", "validity", "reason"),
    [
        ([FAILS], 3, ["server_error"] * 4, "invalid", "4 errors inside a response"),
        ([FAILS, FINE], 1, ["ok"] * 2 + ["server_error"] * 2, "suspect", "2 errors inside a response"),
        ([OPENAI["role only, then the end"]], 3, ["empty"] * 4, "invalid", "4 empty responses"),
        ([SILENT], 3, ["ok"] * 4, "invalid", "4 of 4 streams that completed carried no output"),
        (
            [ABSURD],
            0,
            ["ok"] * 4,
            "suspect",
            "1,000,000,000,000 tokens in 1 events",
        ),
    ],
    ids=["errors", "some errors", "empty", "silent", "absurd"],
)
def test_it_is_told(
    tmp_path: Path, cases: list[Case], code: int, outcomes: list[str], validity: str, reason: str
) -> None:
    with Answers(*cases) as server:
        path = scenario(
            tmp_path,
            target={"url": server.url},
            protocol="openai-chat",
            load={"requests": 4},
            thresholds=["errors < 1%"],
        )
        ran = invoke("run", path, "--out", tmp_path / "run", cwd=tmp_path)
    made = loadgen.Run.load(tmp_path / "run")
    (row,) = made.summary().to_dict("records")
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert sorted(made.streams()["outcome"]) == outcomes
    assert row["validity"] == validity
    assert reason in row["reasons"]
