"""How a command ends where its terminal, its folder or its whole process goes away: by real signals."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import loadgen
from tests.cli import command
from tests.cli.command import COMMAND, interrupt, scenario, started, until
from tests.cli.server import ENDLESS, Handler, Ollama, ollama

FEW = 5  # streams that end


def few_then_endless(handler: Handler) -> None:
    """Let a few streams end, and the next one never."""
    if handler.path != "/api/generate":
        handler.say(200, {})
    else:
        handler.stream(3 if handler.server.count() <= FEW else ENDLESS)


def in_the_endless_stream(server: Ollama) -> bool:
    return server.tokens > 3 * FEW + 5


def test_a_kill_in_the_middle_of_a_cell_loses_seconds(tmp_path: Path) -> None:
    out = tmp_path / "run"
    path = scenario(tmp_path, load={"duration": "1h"}, timeouts={"total": "2h"})

    def saved() -> int:
        return sum(len(each.streams) for each in loadgen.Run.load(out).recordings)

    with (
        ollama(few_then_endless) as server,
        started("run", path, "--url", server.url, "--out", out, cwd=tmp_path) as process,
    ):
        until(lambda: in_the_endless_stream(server), "the stream without end")
        until(lambda: saved() == FEW, "what is saved meanwhile")
        process.kill()
        process.wait()
    ran = command.invoke("report", out)
    assert ran.returncode == 3, "nothing is valid"
    assert "The run never ended: 0 of 1 cells were measured" in ran.stdout
    run = loadgen.Run.load(out)
    assert list(run.streams()["outcome"]) == ["ok"] * FEW
    assert run.recordings[0].ended == "loadgen itself was ended before the engine"
    begin, end = run.recordings[0].window
    assert end - begin < 60e9, "the time of which something is known"
    assert len(run.samples()) > 10


def test_a_folder_that_is_removed_names_the_write_that_failed(tmp_path: Path) -> None:
    out = tmp_path / "run"
    path = scenario(tmp_path, load={"duration": "1h"}, timeouts={"total": "2h"})
    with (
        ollama(few_then_endless) as server,
        started("run", path, "--url", server.url, "--out", out, cwd=tmp_path) as process,
    ):
        until(lambda: in_the_endless_stream(server), "the stream without end")
        shutil.rmtree(out)
        _, stderr = process.communicate(timeout=command.SECONDS)
    assert process.returncode == 3
    assert f"{out / 'arrivals' / '0001.npz'}: not written: No such file or directory" in stderr
    assert "Traceback" not in stderr


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no hang-up here")
def test_a_terminal_that_is_closed_keeps_what_was_measured(tmp_path: Path) -> None:
    """It sends SIGHUP, and everything that is printed from then on fails."""
    out = tmp_path / "run"
    path = scenario(tmp_path, load={"requests": 2 * FEW})
    with ollama(few_then_endless) as server:
        pid, terminal = pty.fork()
        if not pid:
            os.execv(COMMAND[0], [*COMMAND, "run", str(path), "--url", server.url, "--out", str(out)])
        until(lambda: os.read(terminal, 1 << 16) and in_the_endless_stream(server), "the stream without end")
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    run = loadgen.Run.load(out)
    assert run.info.state == "interrupted"
    assert list(run.streams()["outcome"]) == ["ok"] * FEW + ["stopped"]
    assert (out / "report.html").exists()


def test_a_hang_up_that_nohup_ignores_ends_nothing(tmp_path: Path) -> None:
    nohup = (sys.executable, "-c", "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
             "os.execv(sys.argv[1], sys.argv[1:])")  # fmt: skip
    out = tmp_path / "run"
    path = scenario(tmp_path, load={"requests": 2 * FEW})
    with ollama(few_then_endless) as server:
        words = [*nohup, *COMMAND, "run", path, "--url", server.url, "--out", out, "--quiet"]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, start_new_session=True) as process:
            until(lambda: in_the_endless_stream(server), "the stream without end")
            so_far = server.tokens
            interrupt(process, signal.SIGHUP)
            until(lambda: server.tokens > so_far + 20, "more tokens")
            assert process.poll() is None
            interrupt(process)
            assert process.wait(command.SECONDS) == 130


# ------------------------------------------------------------------------------------------ what is printed


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("flags", [[], ["--json"], ["--quiet"]])
def test_a_run_whose_output_cannot_be_written_is_measured_all_the_same(
    tmp_path: Path, flags: list[str]
) -> None:
    out = tmp_path / "run"
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [*COMMAND, "run", scenario(tmp_path), "--out", out, *flags],
            cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert ran.stderr == "loadgen: the output could not be written: No space left on device\n"
    assert ran.returncode == 3
    assert loadgen.Run.load(out).info.state == "complete"
    assert (out / "report.html").exists()


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_a_command_needs_no_standard_stream(tmp_path: Path, closed: tuple[int, ...]) -> None:
    close = "import os, sys; [os.close(int(fd)) for fd in sys.argv[1].split()]; os.execv(sys.argv[2], sys.argv[2:])"
    before = (sys.executable, "-c", close, " ".join(map(str, closed)))
    out = tmp_path / "run"
    ran = command.loadgen("run", scenario(tmp_path), "--out", out, cwd=tmp_path, before=before)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (out / "report.html").exists()


@pytest.mark.parametrize(("words", "code"), [(["clients"], 0), (["validate", "none.yaml"], 2)])
def test_python_that_would_inspect_ends_like_any_other(tmp_path: Path, words: list[str], code: int) -> None:
    ran = command.loadgen(*words, cwd=tmp_path, env={"PYTHONINSPECT": "1"})
    assert ran.returncode == code
    assert "Traceback" not in ran.stderr
    assert ">>>" not in ran.stderr


def test_a_run_whose_python_would_inspect_ends_its_processes(tmp_path: Path) -> None:
    out = tmp_path / "run"
    ran = command.loadgen(
        "run", scenario(tmp_path), "--out", out, "--quiet", cwd=tmp_path, env={"PYTHONINSPECT": "1"}
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_no_folder_for_temporary_files_is_needed(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import tempfile\n"
        "def none(): raise FileNotFoundError(2, 'No usable temporary directory found')\n"
        "tempfile._get_default_tempdir = none\n"
    )
    out = tmp_path / "run"
    ran = command.loadgen(
        "run", scenario(tmp_path), "--out", out, "--quiet", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}
    )
    assert (ran.returncode, ran.stderr) == (0, "")
