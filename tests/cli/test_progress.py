"""The progress of a run: a line for each measurement, on a terminal a bar below. For a pipe see test_run."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import termios
from pathlib import Path

from tests.cli import command
from tests.cli.command import scenario


def on_terminal(tmp_path: Path, *arguments: str | Path, interrupted_at: str = "") -> tuple[int, str]:
    """Exit code and all that a terminal of 200 columns got. Ctrl-C comes when it has got ``interrupted_at``."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, 200))
    env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "CI")}
    with subprocess.Popen(
        [*command.COMMAND, *map(str, arguments)],
        cwd=tmp_path,
        env={**env, "TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        parts = []
        with contextlib.suppress(OSError):  # EIO: the other side has gone
            while data := os.read(ours, 65536):
                parts.append(data)
                if interrupted_at and interrupted_at in b"".join(parts).decode(errors="replace"):
                    interrupted_at = ""
                    os.killpg(process.pid, signal.SIGINT)
        os.close(ours)
        code = process.wait(command.SECONDS)
    return code, b"".join(parts).decode()


def test_a_terminal_gets_a_bar_and_running_figures_below_the_lines(tmp_path: Path) -> None:
    path = scenario(tmp_path, concurrency=3, load={"duration": "2500ms"})
    with command.serving(ttft=0.05, gap=0.01, tokens=15) as url:
        code, output = on_terminal(tmp_path, "run", path, "--url", url, "--out", "run")
    assert code == 0, output
    assert "\x1b[" in output
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", command.without_escapes(output))]
    live = [line for line in lines if line.startswith("floor, 3 streams: 3 open")]
    assert len(set(live)) >= 3, "it changes while the measurement runs"
    figures = r"floor, 3 streams: 3 open, [\d,]+ tok/s(, TTFT \d+ ms)?, 0 failures"
    assert all(re.fullmatch(figures, line) for line in live), live
    assert any("TTFT" in line for line in live)
    assert any(int(re.findall(r"([\d,]+) tok/s", line)[0].replace(",", "")) > 0 for line in live)
    assert any(re.fullmatch(r"[━╸╺]+ +1 of 1  about \ds left", line) for line in lines)
    assert any(re.fullmatch(r"  floor +[\d.]+ .* 0", line) for line in lines)
    first, place = (n for n, line in enumerate(lines) if line.startswith("small  1 client × 3 streams"))
    assert "  about " in lines[first]
    assert any(line.startswith("  Report: ") for line in lines[place:])
    assert not any("tok/s," in line or "left" in line for line in lines[place:]), "bar and figures are gone"


def test_quiet_is_one_line_on_a_terminal(tmp_path: Path) -> None:
    with command.serving() as url:
        code, output = on_terminal(
            tmp_path, "run", scenario(tmp_path), "--url", url, "--out", "run", "--quiet"
        )
    assert code == 0, output
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", command.without_escapes(output))]
    assert any(re.fullmatch(r"[━╸╺]+ +1 of 1  about \ds left", line) for line in lines)
    assert not any(re.match(r" *floor.* 0$", line) for line in lines), "no measurements"
    assert not any("open" in line for line in lines), "no running figures"
    assert [line for line in lines if line][-2:] == [
        "  Report: run/report.html", "  More: loadgen report run --details",
    ]  # fmt: skip


def test_ctrl_c_says_what_comes_next_and_leaves_a_clean_terminal(tmp_path: Path) -> None:
    path = scenario(tmp_path, repeats=2, load={"duration": "30s"})
    with command.serving() as url:
        code, output = on_terminal(
            tmp_path, "run", path, "--url", url, "--out", "run", interrupted_at=" open"
        )
    assert code == 130, output
    assert "Ctrl-C again ends at once." in output
    assert output.rindex("\x1b[?25h") > output.rindex("\x1b[?25l"), "the cursor is shown again"
    lines = command.without_escapes(output.rpartition("small  ")[2]).splitlines()
    assert not any("left" in line or "tok/s," in line for line in lines)
