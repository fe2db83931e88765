"""Ctrl-C, SIGTERM and kill -9, of the command and of its engine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

import loadgen
from tests.cli import command
from tests.cli.command import alive, children, interrupt, scenario, started, until
from tests.cli.server import ENDLESS, Handler, Ollama, ollama, then_endless

ENGINE, SIMULATOR = "loadgen.engine", "loadgen.simulator"


def in_second_cell(server: Ollama, out: Path) -> None:
    """Wait until the first cell is on disk and a stream of the second is under way."""
    until((out / "arrivals" / "0001.npz").exists, "the first cell")
    so_far = server.tokens
    until(lambda: server.tokens > so_far + 5, "tokens of the second cell")


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=command.SECONDS)
    return process.returncode, stdout, stderr


@pytest.mark.parametrize(
    ("client", "number"), [("floor", signal.SIGINT), ("requests", signal.SIGTERM), ("aiohttp", signal.SIGHUP)]
)
def test_one_interrupt_keeps_and_reports_what_was_measured(
    tmp_path: Path, client: str, number: signal.Signals
) -> None:
    out = tmp_path / "run"
    path = scenario(tmp_path, clients=[client], repeats=2)
    flags = ("--out", out, "--url")
    with ollama(then_endless(1)) as server, started("run", path, *flags, server.url, cwd=tmp_path) as process:
        in_second_cell(server, out)
        interrupt(process, number)
        code, stdout, stderr = ended(process)
    assert (code, stderr) == (130, "")
    assert "Interrupted. This measurement ends now" in stdout
    assert len(re.findall(rf"^  {client} +[12]/2 .* 0$", stdout, re.MULTILINE)) == 2
    assert "The run was interrupted: 2 of 2 cells were measured" in stdout
    assert f"Report: {out / 'report.html'}" in stdout
    run = loadgen.Run.load(out)
    assert run.info.state == "interrupted"
    assert [recording.ended for recording in run.recordings] == ["", "interrupted"]
    streams = run.streams()
    assert list(streams["outcome"]) == ["ok", "stopped"]
    assert streams["tokens"][1] >= 5, "the tokens of the stream that was stopped are kept too"
    assert "interrupted" in run.summary()["reasons"][0]
    assert {path.name for path in out.iterdir()} >= {"summary.csv", "streams.csv", "report.html"}


def test_an_interrupt_before_the_first_stream(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with started("run", scenario(tmp_path), "--out", out, "--json", cwd=tmp_path) as process:
        until((out / "run.json").exists, "the run folder")
        interrupt(process)
        code, stdout, stderr = ended(process)
    assert code == 130, stderr
    result = json.loads(stdout)
    assert (result["run"], result["verdict"], result["exit"]) == (str(out), "interrupted", 130)
    assert loadgen.Run.load(out).info.state == "interrupted"
    assert (out / "report.html").exists()


@pytest.mark.parametrize("client", ["floor", "requests"])
def test_two_interrupts_end_it_at_once_and_leave_no_process(tmp_path: Path, client: str) -> None:
    out = tmp_path / "run"
    # Without its parent's word, such an engine would go on for a day.
    simulator = {"ttft": "1ms", "gap": "10ms", "tokens": 1_000_000}
    path = scenario(tmp_path, clients=[client], target={"simulator": simulator}, timeouts={"total": "24h"})
    with started("run", path, "--out", out, cwd=tmp_path) as process:
        pids = until(lambda: both(process.pid), "engine and simulator")
        until(lambda: connected(pids[0]), "a stream")  # before its go an engine is simply given up
        os.kill(pids[0], signal.SIGSTOP)  # an engine that no longer hears us must not keep us either
        interrupt(process)
        assert process.stdout is not None
        until(lambda: "Interrupted" in process.stdout.readline(), "the note")
        interrupt(process)
        code, _, stderr = ended(process)
        assert (code, stderr.strip()) == (130, "")
        until(lambda: not any(map(alive, pids)), "the end of engine and simulator")
    assert not (out / "report.html").exists()


def connected(pid: int) -> bool:
    """Whether the process has an established TCP connection."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows if row[3] == "01"}
    try:
        return any(os.readlink(path) in inodes for path in Path(f"/proc/{pid}/fd").iterdir())
    except FileNotFoundError:  # closed while we looked
        return False


def both(pid: int) -> list[int]:
    engines, simulators = children(pid, ENGINE), children(pid, SIMULATOR)
    return engines + simulators if engines and simulators else []


def test_an_engine_that_is_killed_costs_its_own_cell_only(tmp_path: Path) -> None:
    out = tmp_path / "run"
    path = scenario(tmp_path, repeats=2, load={"requests": 10})
    began: list[None] = []

    def answer(handler: Handler) -> None:
        if handler.path != "/api/generate":
            handler.say(200, {})
            return
        began.append(None)
        handler.stream(ENDLESS if len(began) == 4 else 3)

    with (
        ollama(answer) as server,
        started("run", path, "--url", server.url, "--out", out, cwd=tmp_path) as process,
    ):
        until(lambda: server.tokens > 20, "the stream without an end")
        [engine] = children(process.pid, ENGINE)
        os.kill(engine, signal.SIGKILL)
        code, stdout, stderr = ended(process)
    assert code == 3
    assert "1 of 2 cells did not run to the end: the engine died (signal 9)" in stderr
    assert "  the engine died (signal 9)\n" in stdout
    run = loadgen.Run.load(out)
    assert run.info.state == "failed"
    assert [recording.ended for recording in run.recordings] == ["the engine died (signal 9)", ""]
    assert list(run.streams().query("cell == 2")["outcome"]) == ["ok"] * 10
    assert "the engine died (signal 9)" in run.summary()["reasons"][0]
    assert run.summary()["ttft_n"][0] == 10, "the figures are those of the whole cell"


@pytest.mark.parametrize("client", ["floor", "requests"])
def test_engine_and_simulator_end_by_themselves_when_the_command_is_killed(
    tmp_path: Path, client: str
) -> None:
    simulator = {"ttft": "1ms", "gap": "10ms", "tokens": 1_000_000}
    path = scenario(tmp_path, clients=[client], target={"simulator": simulator}, timeouts={"total": "24h"})
    with started("run", path, "--out", tmp_path / "run", cwd=tmp_path) as process:
        pids = until(lambda: both(process.pid), "engine and simulator")
        process.kill()
        process.wait()
        until(lambda: not any(map(alive, pids)), "the end of engine and simulator")


def test_what_was_measured_before_a_kill_can_be_reported(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with ollama(then_endless(1)) as server:
        path = scenario(tmp_path, repeats=2)
        with started("run", path, "--url", server.url, "--out", out, cwd=tmp_path) as process:
            in_second_cell(server, out)
            process.kill()
            process.wait()
    # As a kill in the middle of a write leaves it.
    (out / "arrivals" / ".0002.npz").write_bytes((out / "arrivals" / "0001.npz").read_bytes()[:1000])
    ran = command.invoke("report", out)
    assert ran.returncode == 0, ran.stderr
    assert "The run never ended: 1 of 2 cells were measured" in ran.stdout
    assert f"Report: {out / 'report.html'}" in ran.stdout
    run = loadgen.Run.load(out)
    assert run.info.state == "running"
    assert list(run.streams()["outcome"]) == ["ok"]
