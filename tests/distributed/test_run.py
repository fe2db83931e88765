"""Runs spread over workers: real processes, on this machine or in network namespaces of it."""

from __future__ import annotations

import csv
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd
import pytest

import loadgen
from loadgen.lab import plan
from loadgen.loads import arrivals
from loadgen.scenario import load as load_scenario
from tests.cli.command import (
    COMMAND,
    SECONDS,
    alive,
    children,
    holds,
    interrupt,
    invoke,
    scenario,
    started,
    until,
)
from tests.cli.command import loadgen as command
from tests.cli.server import ENDLESS, Handler, Ollama, ollama
from tests.distributed.namespaces import HUB, NotAllowed, namespaces
from tests.distributed.relay import Relay
from tests.locust_ui.locusts import free_port

ENGINE, WORKER = "loadgen.engine", "worker"
ROOT = Path(__file__).parents[2]

# Workers that give a lost master up after a second and not after ten.
IMPATIENT = """
import sys
from loadgen.distributed import processes
from loadgen.distributed.worker import Trust
processes.MASTER_TIMEOUT_S = 5  # heartbeats come every second, later on a busy machine
sys.exit(processes.work("127.0.0.1", int(sys.argv[1]), 60, Trust(all=True)))
"""


def streams_of(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "streams.csv", keep_default_na=False)


def summary_of(out: Path) -> dict[str, str]:
    with (out / "summary.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    return row


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=SECONDS)
    return process.returncode, stdout, stderr


@contextmanager
def worker(
    port: int, *more: str, cwd: Path, before: Sequence[str] = (), env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A worker for the master at that port."""
    with subprocess.Popen(
        [*before, *COMMAND, WORKER, "--port", str(port), *more],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


# ------------------------------------------------------------------------------------------------- the union


def test_two_workers_do_together_what_one_engine_does_alone(tmp_path: Path) -> None:
    """The schedule is that of one engine, and the figures are those of all streams."""
    load, out = {"requests": 3, "ramp": "200ms"}, tmp_path / "run"
    path = scenario(tmp_path, target={"url": "http://x"}, concurrency=7, load=load, seed=5)
    all_open = threading.Barrier(7)

    def answer(handler: Handler) -> None:
        if handler.path != "/api/generate":
            handler.say(200, {})
            return
        if handler.server.count() <= 7:
            all_open.wait(SECONDS)
        handler.stream(8, gap=0.001)

    with ollama(answer) as server:
        ran = command("run", path, "--workers", "2", "--url", server.url, "--out", out, cwd=tmp_path)
    # 0 and nothing else: every stream completes, and a server other than the simulator cannot be late.
    assert (ran.returncode, ran.stderr) == (0, "")
    streams, [cell] = streams_of(out), plan.cells(load_scenario(path), "http://x", ())
    assert dict(streams["slot"].value_counts()) == dict.fromkeys(range(7), 3)
    due = {arrival.slot: arrival.due / 1e6 for arrival in arrivals(cell)}
    assert streams.groupby("slot")["due_ms"].min().to_dict() == pytest.approx(due, abs=1e-6)
    [info] = loadgen.Run.load(out).info.cells
    assert len(set(info.workers)) == 2
    assignments = {name: set(own["slot"]) for name, own in streams.groupby("worker")}
    assert assignments == dict(zip(info.workers, [{0, 2, 4, 6}, {1, 3, 5}], strict=True))
    summary = summary_of(out)
    assert (summary["streams"], summary["ok"], summary["tokens"]) == ("21", "21", str(21 * 8))
    assert (summary["live_peak"], summary["errors"]) == ("7", "0")
    recordings = loadgen.Run.load(out).recordings
    assert {each.worker: each.share for each in recordings} == dict(zip(info.workers, [4, 3], strict=True))
    for recording in recordings:
        assert len(recording.pauses.kind) == len(recording.pauses.end)
        assert recording.start < recording.cpu_samples.at.max() < recording.clock[1][0]


# ------------------------------------------------------------------------------------------------- losses


@pytest.fixture
def hosts() -> Iterator[tuple[str, list[list[str]]]]:
    """An address that all reach, and the commands that run another one at the master's host and at four others:
    network namespaces, or this host where those are not allowed."""
    with ExitStack() as stack:
        try:
            hub, others = stack.enter_context(namespaces(4))
        except NotAllowed:
            yield "127.0.0.1", [[]] * 5
        else:
            yield HUB, [["ip", "netns", "exec", name] for name in (hub, *others)]


def test_a_worker_of_four_hosts_that_is_killed(tmp_path: Path, hosts: tuple[str, list[list[str]]]) -> None:
    host, (hub, *others) = hosts
    out, port = tmp_path / "run", free_port()
    path = scenario(tmp_path, target={"url": "http://x"}, concurrency=8, load={"duration": "24h"})
    with ExitStack() as stack:

        def start(before: Sequence[str], *arguments: object) -> subprocess.Popen[str]:
            process = stack.enter_context(
                subprocess.Popen(
                    [*before, *COMMAND, *map(str, arguments)],
                    cwd=tmp_path,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            )
            stack.callback(process.kill)
            return process

        def started_streams(more: int) -> None:
            """Wait for so many more streams at the simulator."""
            subprocess.run([*hub, sys.executable, "-c", WAIT, url, str(more)], timeout=SECONDS, check=True)

        server = start(
            hub, "simulate", "--host", host, "--port", 0, "--ttft", "50ms", "--gap", "10ms", "--tokens", 10
        )  # fmt: skip
        assert server.stdout is not None
        url = next(word for line in server.stdout for word in line.split() if word.startswith("http://"))
        master = start(
            hub, "run", path, "--master", "--master-host", host, "--master-port", port,
            "--workers", 4, "--url", url, "--out", out,
        )  # fmt: skip
        workers = [start(before, "worker", "--host", host, "--port", port, "--url", url) for before in others]
        engines = until(lambda: all_engines(workers), "an engine in every worker")
        started_streams(120)  # two seconds, in which a worker sends four updates
        workers[2].kill()
        assert master.stdout is not None
        until(lambda: "take" in master.stdout.readline(), "the loss: others take over its streams")
        started_streams(40)
        until(lambda: not alive(engines[2]), "the end of the engine that has lost its worker")
        interrupt(master)
        code, stdout, stderr = ended(master)
        assert [process.wait(SECONDS) for process in workers] == [0, 0, -signal.SIGKILL, 0]
    assert code == 130, stdout + stderr
    streams, dead = streams_of(out), one_lost(out)
    assert streams["worker"].nunique() == 4
    # Ctrl-C stops the streams that are open then, unless all of them end before the engines' next check.
    assert set(streams["outcome"]) <= {"ok", "stopped"}
    assert (streams["outcome"] == "ok").sum() >= 40
    lost, rest = streams[streams["worker"] == dead], streams[streams["worker"] != dead]
    own = set(lost["slot"])
    assert (len(own), set(lost["outcome"])) == (2, {"ok"})
    assert set(rest["slot"]) == set(range(8)), "the others have its slots"
    taken_over = rest[rest["slot"].isin(own)]
    assert taken_over["start_ms"].min() > lost["start_ms"].max()
    assert taken_over["slot"].value_counts().min() > 1, "they run stream after stream again"
    assert rest.groupby("slot")["worker"].nunique().max() == 1
    lag = summary_of(out)["lag_p50_ms"]
    assert (lag == "") == (host == HUB), "the clock of another host is never subtracted"


WAIT = """
import json, sys, time, urllib.request
def streams():
    return json.load(urllib.request.urlopen(sys.argv[1] + "/simulator/record"))["streams"]
wanted = streams() + int(sys.argv[2])
while streams() < wanted:
    time.sleep(0.05)
"""


def all_engines(workers: Sequence[subprocess.Popen[str]]) -> list[int]:
    found = [children(process.pid, ENGINE) for process in workers]
    return [engine for [engine] in found] if all(found) else []


def one_lost(out: Path) -> str:
    """Return the worker that was lost, by the run folder."""
    [lost] = [
        each.worker for each in loadgen.Run.load(out).recordings if each.ended not in ("", "interrupted")
    ]
    return lost


def test_workers_and_engines_end_by_themselves_when_the_master_is_killed(tmp_path: Path) -> None:
    port = str(free_port())
    path = scenario(tmp_path, concurrency=2, load={"duration": "24h"})
    flags = ("--master", "--master-port", port, "--workers", "2")
    with (
        ollama(answer_without_end) as server,
        started("run", path, *flags, "--url", server.url, cwd=tmp_path) as master,
        ExitStack() as stack,
    ):
        workers = [
            stack.enter_context(
                subprocess.Popen([sys.executable, "-c", IMPATIENT, port], stderr=subprocess.DEVNULL)
            )
            for _ in range(2)
        ]
        for each in workers:
            stack.callback(each.kill)
        until(lambda: server.tokens > 20, "tokens")
        engines = [engine for each in workers for engine in children(each.pid, ENGINE)]
        assert len(engines) == 2
        master.kill()
        for each in workers:
            each.wait(SECONDS)
        assert not any(map(alive, engines))


def answer_without_end(handler: Handler) -> None:
    if handler.path == "/api/generate":
        handler.stream(ENDLESS)
    else:
        handler.say(200, {})


def streaming(process: subprocess.Popen[str], server: Ollama) -> list[int]:
    """The two workers and then their engines, as soon as tokens come."""
    until(lambda: server.tokens > 20, "tokens")
    workers, engines = children(process.pid, WORKER), children(process.pid, ENGINE)
    assert (len(workers), len(engines)) == (2, 2)
    return workers + engines


# ------------------------------------------------------------------------------------------------- Ctrl-C


def test_one_interrupt_keeps_and_reports_what_was_measured(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with ollama(answer_without_end) as server:
        path = scenario(tmp_path, concurrency=2, load={"duration": "24h"})
        with started(
            "run", path, "--workers", "2", "--url", server.url, "--out", out, cwd=tmp_path
        ) as process:
            pids = streaming(process, server)
            interrupt(process)
            code, stdout, stderr = ended(process)
            assert not any(map(alive, pids))
    assert (code, stderr) == (130, "")
    assert f"Report: {out / 'report.html'}" in stdout
    streams = streams_of(out)
    assert list(streams["outcome"]) == ["stopped"] * 2
    assert streams["tokens"].min() > 0
    assert streams["worker"].nunique() == 2
    assert "was lost" not in stdout
    assert loadgen.Run.load(out).info.state == "interrupted"


def test_a_rule_of_the_scenario_ends_a_cell_of_all_workers(tmp_path: Path) -> None:
    simulator = {"ttft": "1ms", "gap": "1ms", "tokens": 2, "faults": {"status_500": 1}}
    more = {"load": {"duration": "24h"}, "stop": {"errors": 0.5, "after": 4}}
    path = scenario(tmp_path, target={"simulator": simulator}, concurrency=4, **more)
    ran = command("run", path, "--workers", "2", "--out", tmp_path / "run", cwd=tmp_path)
    assert ran.returncode == 3, ran.stderr
    run = loadgen.Run.load(tmp_path / "run")
    assert (run.info.state, [each.ended for each in run.recordings]) == ("complete", ["", ""])
    stops = [each.stopped for each in run.recordings]
    assert all(stop and stop.why == "errors" and stop.failed >= 4 for stop in stops), stops


def test_two_interrupts_end_it_at_once_and_leave_no_process(tmp_path: Path) -> None:
    with ollama(answer_without_end) as server:
        path = scenario(tmp_path, concurrency=2, load={"duration": "24h"})
        with started("run", path, "--workers", "2", "--url", server.url, cwd=tmp_path) as process:
            pids = streaming(process, server)
            os.kill(pids[-1], signal.SIGSTOP)  # an engine that answers no command must not keep us
            interrupt(process)
            assert process.stdout is not None
            until(lambda: "Interrupted" in process.stdout.readline(), "the note")
            begun = time.monotonic()
            interrupt(process)
            code, stdout, stderr = ended(process)
            assert (code, stderr.strip()) == (130, "")
            assert "Report" not in stdout
            assert time.monotonic() - begun < 5
            until(lambda: not any(map(alive, pids)), "the end of workers and engines")


def test_an_interrupt_while_workers_start(tmp_path: Path) -> None:
    with (
        ollama(answer_without_end) as server,
        started("run", scenario(tmp_path), "--workers", "2", "--url", server.url, cwd=tmp_path) as process,
    ):
        pids = until(lambda: children(process.pid, WORKER)[1:] and children(process.pid, WORKER), "both")
        interrupt(process)
        code, stdout, stderr = ended(process)
        assert not any(map(alive, pids))
    assert (code, stdout, stderr.strip()) == (130, "", "")
    assert not (tmp_path / "reports").exists()


# ------------------------------------------------------------------------------------------------- refusals


def test_no_worker_can_take_part(tmp_path: Path) -> None:
    port = free_port()
    scenario(tmp_path, concurrency=10)
    flags = ("--master", "--workers", "1", "--master-port", str(port), "--out", tmp_path / "run")
    with (
        started("run", "scenario.yaml", *flags, cwd=tmp_path) as master,
        worker(port, cwd=tmp_path, before=("prlimit", "--nofile=66:66")) as poor,
    ):
        code, _, stderr = ended(master)
        log = ended(poor)[2]
    assert code == 3
    for text in (stderr, log):
        assert "simultaneous streams do not fit this machine" in text


def test_a_target_that_is_not_there_ends_it_before_workers_are_waited_for(tmp_path: Path) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    flags = ("--workers", "2", "--master", "--master-host", "0.0.0.0", "--master-port", "0", "--url", gone)
    ran = command("run", scenario(tmp_path), *flags, cwd=tmp_path)
    assert ran.returncode == 3
    assert "Connection refused" in ran.stderr


@pytest.mark.parametrize(("token", "says"), [("", "is not set"), ("short", "fewer than 16 characters")])
def test_without_a_token_there_is_neither_master_nor_worker(tmp_path: Path, token: str, says: str) -> None:
    for words in (("run", scenario(tmp_path), "--master", "--workers", "1"), ("worker",)):
        ran = command(*words, cwd=tmp_path, env={"LOADGEN_TOKEN": token})
        assert (ran.returncode, ran.stdout) == (2, "")
        assert f"LOADGEN_TOKEN {says}" in ran.stderr or f"LOADGEN_TOKEN has {says}" in ran.stderr


def test_another_token_ends_the_worker_and_not_the_master(tmp_path: Path) -> None:
    port = free_port()
    scenario(tmp_path, concurrency=2)
    flags = ("--master", "--workers", "1", "--master-port", str(port), "--out", tmp_path / "run")
    with started("run", "scenario.yaml", *flags, cwd=tmp_path) as master:
        with worker(port, cwd=tmp_path, env={"LOADGEN_TOKEN": "the token of another master"}) as other:
            code, _, log = ended(other)
        assert (code, "no master with this LOADGEN_TOKEN" in log, "Traceback" in log) == (2, True, False), log
        with worker(port, cwd=tmp_path):
            code, stdout, stderr = ended(master)
    assert code == 0, stdout + stderr
    assert "a worker is refused: it has another LOADGEN_TOKEN, or none" in stdout + stderr


def test_a_worker_without_a_master_says_so(tmp_path: Path) -> None:
    port = free_port()
    ran = command("worker", "--port", port, "--connect-timeout", "1", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert f"no master at 127.0.0.1:{port}: no answer. Is loadgen run --master running?" in ran.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = command("run", scenario(tmp_path), "--workers", "2", "--master-port", port, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"loadgen: 127.0.0.1:{port}: cannot listen there: Address already in use; ")
    assert len(ran.stderr.splitlines()) == 1, "nothing about Locust's protocol: only this machine is reached"
    assert not (tmp_path / "reports").exists()


@pytest.fixture
def without_locust(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals come before Locust is needed, which would patch the process that runs the tests."""
    monkeypatch.setattr("loadgen.cli.common.import_locust", lambda: None)


@pytest.mark.parametrize("flags", [("--workers", "0"), ("--master",), ("--master-port", "1")])
def test_flags_that_cannot_be(tmp_path: Path, flags: tuple[str, ...], without_locust: None) -> None:
    ran = invoke("run", scenario(tmp_path), *flags, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert not (tmp_path / "reports").exists()


# ------------------------------------------------------------------------------------------------- secrets


def test_a_key_reaches_the_server_from_the_workers_environment_and_no_message(tmp_path: Path) -> None:
    key, port, out = "sk-8Zq4/Vw+7n3XkR=x", free_port(), tmp_path / "run"
    path = scenario(
        tmp_path,
        target={"url": "http://x", "headers": {"X-Api-Key": "${API_KEY}", "X-Plain": "plain-header"}},
        concurrency=2,
        load={"requests": 20},
    )

    def answer(handler: Handler) -> None:
        if handler.path != "/api/generate":
            handler.say(200, {})
        elif handler.server.count() % 5:
            handler.stream(2)
        else:
            handler.say(500, {"error": f"bad key {handler.headers['X-Api-Key']}"})

    flags = ("--workers", "1", "--master", "--master-port", str(port), "--out", out)
    with (
        ollama(answer) as server,
        Relay(port) as relay,
        started(
            "run", path, *flags, "--url", server.url, cwd=tmp_path, env={"API_KEY": "of-the-master"}
        ) as master,
        worker(relay.port, "--url", server.url, cwd=tmp_path, env={"API_KEY": key}) as own,
    ):
        until(lambda: children(own.pid, ENGINE), "the engine")
        arguments = [
            Path(f"/proc/{pid}/cmdline").read_bytes() for pid in [own.pid, *children(own.pid, ENGINE)]
        ]
        code, stdout, stderr = ended(master)
        log = ended(own)[2]
        sent = [seen["X-Api-Key"] for seen in server.seen if "X-Plain" in seen]
    # 0: 32 of the 40 streams complete, the scenario has no threshold, and this server cannot be late.
    assert code == 0, stdout + stderr
    assert sent.count(key) == 40
    assert dict(streams_of(out)["outcome"].value_counts()) == {"ok": 32, "http_status": 8}
    assert len(relay.seen) > 1000
    assert b"loadgen-update" not in relay.seen, "it is encrypted"
    for secret in (key, "of-the-master"):
        assert not any(secret.encode() in text for text in [bytes(relay.seen), *arguments])
        assert secret not in stdout + stderr + log
        assert not holds(out, secret)
    assert b"plain-header" not in relay.seen
    assert "***" in streams_of(out).query("outcome == 'http_status'")["error"].iloc[0]


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--set", "target.headers.Authorization=Bearer sk-123456"), "--set target.headers.Authorization"),
        (("--set", "target.headers={X-Key: a$$b-123456}"), "--set target.headers"),
        (("--url", "http://anna:pw@127.0.0.1:1"), "--url"),
    ],
)
def test_a_secret_in_the_arguments_is_refused(
    tmp_path: Path, flags: tuple[str, str], named: str, without_locust: None
) -> None:
    path = scenario(tmp_path, target={"url": "http://127.0.0.1:1"})
    ran = invoke("run", path, *flags, "--workers", "1", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"loadgen: {named} holds a secret")
    assert "name it as ${NAME}" in ran.stderr
    assert not any(text in ran.stderr for text in ("123456", "pw"))
