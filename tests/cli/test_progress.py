"""The progress of a run: a live line on a terminal. For a pipe see test_run."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import termios
from pathlib import Path

from tests.cli import command
from tests.cli.command import scenario


def on_terminal(tmp_path: Path, *arguments: str | Path) -> tuple[int, str]:
    """Exit code and all that a terminal of 200 columns got."""
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
        os.close(ours)
        code = process.wait(command.SECONDS)
    return code, b"".join(parts).decode()


def test_a_terminal_gets_a_line_that_lives(tmp_path: Path) -> None:
    path = scenario(tmp_path, concurrency=3, load={"duration": "2500ms"})
    with command.serving(ttft=0.05, gap=0.01, tokens=15) as url:
        code, output = on_terminal(tmp_path, "run", path, "--url", url, "--out", "run")
    assert code == 0, output
    assert "\x1b[" in output
    lines = re.split(r"[\r\n]+", command.without_escapes(output))
    live = [line for line in lines if line.startswith("cell 1/1 floor x 3  ")]
    assert len(set(live)) >= 3, "it changes while the cell runs"
    pattern = (
        r"cell 1/1 floor x 3  \d+ open · [\d,]+ tokens/s · [\d,]+ ended · 0 errors · about \d+:\d\d left"
        r"(, TTFT [\d,]+ ms, first token's lag [\d.,]+ ms)?\s*"
    )
    assert all(re.fullmatch(pattern, line) for line in live), live
    assert any("3 open" in line for line in live)
    assert any("TTFT" in line for line in live)
    assert any(int(re.findall(r"([\d,]+) tokens/s", line)[0].replace(",", "")) > 0 for line in live)
    assert any(re.match(r"cell 1/1 floor x 3: \d+ streams, 0 not ok, TTFT", line) for line in lines)
    report = lines[next(n for n, line in enumerate(lines) if line.startswith("small  ")) :]
    assert any(line.startswith("  Report: ") for line in report)
    assert not any(" open · " in line for line in report), "the line is gone when the report comes"


def test_quiet_is_quiet_on_a_terminal_too(tmp_path: Path) -> None:
    with command.serving() as url:
        code, output = on_terminal(
            tmp_path, "run", scenario(tmp_path), "--url", url, "--out", "run", "--quiet"
        )
    assert code == 0, output
    output = command.without_escapes(output)
    assert "cell 1/1" not in output
    assert output.splitlines()[-2:] == ["  Report: run/report.html", "  More: loadgen report run --details"]
