"""Servers of all kinds of clocks, measured by the command: which lag it gives, and what it says of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import loadgen
from loadgen.model import ClockFinding
from tests.analysis.test_server_clock import MS, S, shown
from tests.cli.command import invoke, scenario
from tests.cli.server import Handler, ollama

TOKENS, GAP = 12, 0.004
Stamp = Callable[[int], str]
STAMPS: dict[str, tuple[Stamp, str]] = {
    "true": (shown, "absolute"),
    "40 ms ahead": (lambda ns: shown(ns + 40 * MS), "absolute"),
    "40 ms behind": (lambda ns: shown(ns - 40 * MS), "absolute"),
    "another zone": (lambda ns: shown(ns + 8 * 3600 * S), "absolute"),
    "whole seconds": (lambda ns: shown(ns, 0), "none"),
    "constant": (lambda _ns: "2024-03-01T12:00:00.5Z", "none"),
    "year 1": (lambda _ns: "0001-01-01T00:00:00Z", "none"),
    "backwards": (lambda ns: shown(2 * 1_790_000_000 * S - ns), "none"),
}


def answering(stamp: Stamp) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        begun = time.monotonic_ns()
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()

        def item(**of: Any) -> None:
            handler.chunk({"created_at": stamp(time.time_ns()), "response": "", "done": False, **of})

        for _ in range(TOKENS):
            time.sleep(GAP)  # the server's pace
            item(response="word ")
        item(done=True, eval_count=TOKENS, total_duration=time.monotonic_ns() - begun)
        handler.wfile.write(b"0\r\n\r\n")

    return answer


@pytest.mark.parametrize("name", STAMPS)
def test_no_lag_is_beyond_what_the_client_can_have_added(name: str, tmp_path: Path) -> None:
    stamp, verdict = STAMPS[name]
    path = scenario(tmp_path, clients=["requests"], concurrency=[2], load={"requests": 4}, repeats=1)
    with ollama(answering(stamp)) as server:
        ran = invoke("run", path, "--url", server.url, "--out", tmp_path / "run", cwd=tmp_path)
    assert ran.stderr == ""
    run = loadgen.Run.load(tmp_path / "run")
    (found,) = (of for of in run.findings if isinstance(of, ClockFinding))
    assert found.verdict in (verdict, "relative" if verdict == "absolute" else "")  # of a busy machine
    streams = run.streams()
    lag = streams["lag_max_ms"].dropna()
    assert bool(len(lag)) is (found.verdict == "absolute")
    assert (lag >= 0).all()
    assert (lag <= streams["total_ms"].max()).all()


def test_a_proxy_that_holds_text_back_is_named(tmp_path: Path) -> None:
    def answer(handler: Handler) -> None:
        time.sleep(GAP * TOKENS)  # as long as the server behind it takes
        lines = [{"response": "word ", "done": False}] * TOKENS
        last = {
            "response": "",
            "done": True,
            "eval_count": 3 * TOKENS,
            "eval_duration": round(GAP * TOKENS * S),
        }
        handler.say(200, b"".join(json.dumps(each).encode() + b"\n" for each in [*lines, last]))

    path = scenario(tmp_path, clients=["requests"], concurrency=[2], load={"requests": 6}, repeats=1)
    with ollama(answer) as server:
        ran = invoke("run", path, "--url", server.url, "--out", tmp_path / "run", cwd=tmp_path)
    (row,) = loadgen.Run.load(tmp_path / "run").summary().to_dict("records")
    assert (row["validity"], row["tokens_per_event"]) == ("suspect", 3)
    assert "whole answers came in one read" in row["reasons"]
    assert "carries 3.00 tokens" in row["reasons"]
    assert "carries 3.00 tokens" in ran.stdout
