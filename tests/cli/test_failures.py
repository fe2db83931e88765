"""Failures during a run: the server dies, the disk fills. What was measured is kept and reported."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import loadgen
from loadgen.model import Simulator
from loadgen.simulator.process import Process
from tests.cli import command
from tests.cli.command import children, scenario, started, until

SMALL_FILES = (
    sys.executable,
    "-c",
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000));"
    "os.execv(sys.argv[1], sys.argv[1:])",
)


def test_the_server_dies_in_the_middle(tmp_path: Path) -> None:
    out = tmp_path / "run"
    path = scenario(tmp_path, clients=["floor", "requests"], load={"requests": 2}, thresholds=["errors < 1%"])
    with (
        Process(Simulator(ttft=0.01, gap=0.01, tokens=100_000)) as simulator,
        started("run", path, "--url", simulator.url, "--out", out, cwd=tmp_path) as process,
    ):
        until(lambda: simulator.log().sends > 20, "tokens")
        os.kill(simulator.pid, signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=command.SECONDS)
    assert (process.returncode, stderr) == (3, ""), "nothing that was measured is valid"
    run = loadgen.Run.load(out)
    streams = run.streams()
    assert run.info.state == "complete"
    assert streams["outcome"][0] in ("truncated", "reset")
    assert list(streams["outcome"][1:]) == ["refused"] * 3
    assert streams["tokens"][0] > 5, "what came before is kept"
    assert [recording.ended for recording in run.recordings] == ["", ""]
    assert "connection refused" in stdout
    page = (out / "report.html").read_text()
    assert "refused" in page
    assert streams["outcome"][0] in page


def test_the_embedded_simulator_dies_and_is_started_again(tmp_path: Path) -> None:
    out = tmp_path / "run"
    simulator = {"ttft": "10ms", "gap": "20ms", "tokens": 25}
    path = scenario(
        tmp_path, target={"simulator": simulator}, clients=["floor", "aiohttp"], load={"requests": 3}
    )
    with started("run", path, "--out", out, cwd=tmp_path) as process:
        until(lambda: children(process.pid, "loadgen.engine"), "the engine")
        until((out / "run.json").exists, "the run folder")
        [pid] = children(process.pid, "loadgen.simulator")
        os.kill(pid, signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=command.SECONDS)
    assert "1 of 2 cells did not run to the end: the simulator does not answer: it ended" in stderr
    assert "it is started again" in stdout
    run = loadgen.Run.load(out)
    assert (process.returncode, run.info.state) == (3, "failed")
    assert list(run.streams().query("cell == 2")["outcome"]) == ["ok"] * 3
    assert list(run.streams().query("cell == 1")["outcome"])[-1] == "refused"
    assert [recording.server is None for recording in run.recordings] == [True, False]


# --------------------------------------------------------------------------------------------- the disk

# The first cell is small, the second is not: the seed says so.
GROWING = {"concurrency": [1, 40], "clients": ["floor"], "load": {"requests": 3}, "seed": 6}


def kept_and_reported(ran: subprocess.CompletedProcess[str], out: Path, reason: str) -> None:
    assert ran.returncode == 3
    assert "loadgen: the run could not be finished: " in ran.stderr
    assert f"0002.npz: not written: {reason}" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list(out.rglob(".*")), "no half-written file is left"
    assert sorted(path.name for path in (out / "arrivals").iterdir()) == ["0001.npz"]
    run = loadgen.Run.load(out)
    assert run.info.cells[0].level.streams == 1
    assert list(run.streams()["outcome"]) == ["ok"] * 3
    assert list(run.summary()["concurrency"]) == [1]
    assert "The run failed: 1 of 2 cells were measured" in ran.stdout
    assert "1 stream" in ran.stdout, "the table has what was measured"
    assert not (out / "report.html").exists()
    assert re.search(r"\w+\.(json|csv|html): not written", ran.stderr), "the first too large"


def test_a_file_grows_too_large(tmp_path: Path) -> None:
    out = tmp_path / "run"
    ran = command.loadgen(
        "run", scenario(tmp_path, **GROWING), "--out", out, cwd=tmp_path, before=SMALL_FILES
    )
    kept_and_reported(ran, out, "File too large")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", disk], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("no file system may be mounted here; a limit on the size of files stands in for it")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_the_disk_fills(tmp_path: Path, small_disk: Path) -> None:
    out = small_disk / "run"
    ran = command.invoke("run", scenario(tmp_path, **GROWING), "--out", out, cwd=tmp_path)
    kept_and_reported(ran, out, "No space left on device")


def test_a_full_disk_is_reported_before_anything_is_measured(tmp_path: Path, small_disk: Path) -> None:
    with (small_disk / "full").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        file.writelines([b"x" * 1024] * 100)
    ran = command.invoke("run", scenario(tmp_path), "--out", small_disk / "run", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "No space left on device" in ran.stderr
