from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from loadgen.model import Simulator
from loadgen.simulator.process import Process, SimulatorError
from loadgen.simulator.server import Server
from tests.simulator.conftest import Start
from tests.simulator.wire import Wire, generate, get

COMMAND = [sys.executable, "-m", "loadgen.simulator"]


@contextmanager
def running(spec: object) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    text = spec if isinstance(spec, str) else json.dumps(spec)
    pipe = subprocess.PIPE
    with subprocess.Popen(COMMAND, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        process.stdin.write(text.encode() + b"\n")
        process.stdin.flush()
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly(number: signal.Signals) -> None:
    with running({"tokens": 1000}) as (process, answer), Wire(answer["url"]) as wire:
        wire.send(generate()).head()
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stderr.read() == b""


def test_the_end_of_stdin_ends_it() -> None:
    with running({}) as (process, answer), Wire(answer["url"]) as wire:
        assert wire.ask(get("/")).status == 200
        process.stdin.write(b"more is ignored")
        process.stdin.flush()
        assert wire.ask(get("/")).status == 200
        process.stdin.close()
        assert process.wait(20) == 0
        assert wire.gone()


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"tokens": "many"}, "tokens"),
        ({"distribution": "cauchy"}, "'cauchy'"),
        ("no json", "invalid"),
        ("[]", "."),
    ],
)
def test_what_cannot_be_served_is_an_error(spec: object, error: str) -> None:
    with running(spec) as (process, answer):
        assert list(answer) == ["error"]
        assert re.search(error, answer["error"])
        assert process.wait(20) == 2
        assert process.stderr.read() == b""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores cannot be chosen here")
def test_it_stays_on_its_cores() -> None:
    core = max(os.sched_getaffinity(0))
    with Process(Simulator(), cores=[core]) as process:
        assert os.sched_getaffinity(process.pid) == {core}


def test_an_address_that_cannot_be_had_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        Server(Simulator(), port=taken.getsockname()[1])
    with pytest.raises(ValueError, match="port 70000"):
        Server(Simulator(), port=70_000)
    with pytest.raises(OSError):  # noqa: PT011 - the text is the resolver's
        Server(Simulator(), "256.0.0.1")


def test_a_port_of_choice() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Server(Simulator(), port=port)
    server.loop.stop()
    assert server.url == f"http://127.0.0.1:{port}"
    server.run()


def test_stop_ends_it_and_may_come_twice(start: Start) -> None:
    process = start()
    process.stop()
    process.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_dead_simulator_is_an_error(start: Start) -> None:
    process = start()
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(SimulatorError, match="exit code -9"):
        process.log()
    with pytest.raises(SimulatorError, match="does not answer"):
        process.reset()


def test_a_reset_clears_the_record_and_leaves_open_streams_to_the_old_one(start: Start) -> None:
    process = start(tokens=100_000)
    with Wire(process.url) as wire:
        wire.send(generate()).head()
        assert process.log().open_peak == 1
        process.reset()
        wire.chunk()
        wire.chunk()
        empty = process.log()
        assert (empty.streams, empty.open_peak, empty.sends, empty.late_p50_ms) == (0, 0, 0, None)
