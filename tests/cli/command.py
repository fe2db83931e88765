"""The real command in a process of its own, and what a test needs to watch it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import ruamel.yaml
from click.testing import CliRunner

from loadgen.cli import cli
from loadgen.model import Simulator
from loadgen.simulator.process import Process

COMMAND = (sys.executable, "-m", "loadgen")
SECONDS = 60.0  # a deadline for what takes a second or two

T = TypeVar("T")


def invoke(
    *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end in this process, which saves the second that its imports take."""
    words = [str(argument) for argument in arguments]
    with pytest.MonkeyPatch.context() as patch:
        if cwd is not None:
            patch.chdir(cwd)
        for name in ("FORCE_COLOR", "COLUMNS"):
            patch.delenv(name, raising=False)
        result = CliRunner().invoke(cli, words, env={"NO_PROXY": "*", **(env or {})}, prog_name="loadgen")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return subprocess.CompletedProcess(words, result.exit_code, result.stdout, result.stderr)


def loadgen(
    *arguments: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    before: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end. ``before`` is a command that execs its arguments."""
    return subprocess.run(
        [*before, *COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=_environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
        check=False,
    )


@contextmanager
def serving(**changes: Any) -> Iterator[str]:
    """The URL of a simulator that is a server like any other: no cell is invalid because it sent late."""
    with Process(Simulator(**{"ttft": 0.02, "gap": 0.005, "tokens": 8, **changes})) as process:
        yield process.url


@contextmanager
def started(
    *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The command, running, in a process group of its own as a terminal would start it."""
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=_environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "COLUMNS")}
    return {**kept, "NO_PROXY": "*", **(more or {})}


def interrupt(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> None:
    """As a terminal sends Ctrl-C: to the whole process group."""
    os.killpg(process.pid, number)


def scenario(folder: Path, **keys: Any) -> Path:
    """A small scenario file with these keys in place of its own; ``None`` leaves one out."""
    plain: dict[str, Any] = {
        "name": "small",
        "target": {"simulator": {"ttft": "20ms", "gap": "5ms", "tokens": 8}},
        "prompts": ["Why?"],
        "clients": ["floor"],
        "concurrency": 1,
        "load": {"requests": 1},
        "remeasure": 0,  # a busy machine must not change how many cells there are
        "warm_up": 0,  # a test counts requests
        "model": "m",
        "timeouts": {"connect": "10s", "first_token": "30s", "idle": "30s", "total": "60s"},
    }
    path = folder / "scenario.yaml"
    with path.open("w", encoding="utf-8") as file:
        kept = {key: value for key, value in (plain | keys).items() if value is not None}
        ruamel.yaml.YAML(typ="safe", pure=True).dump(kept, file)
    return path


def until(condition: Callable[[], T], what: str = "") -> T:
    """What ``condition`` gives as soon as that is true; polled, with a deadline."""
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {SECONDS:.0f} s for {what or condition}"
        time.sleep(0.01)
    return found


def children(pid: int, module: str) -> list[int]:
    """The processes below ``pid`` that run ``module``."""
    parents = {int(path.name): _parent(path) for path in Path("/proc").glob("[0-9]*")}
    below, found = {pid}, []
    while new := {child for child, parent in parents.items() if parent in below} - below:
        below |= new
    for child in below:
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if module.encode() in words:
            found.append(child)
    return found


def alive(pid: int) -> bool:
    """Whether the process still runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _parent(folder: Path) -> int | None:
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def holds(folder: Path, secret: str | bytes) -> list[Path]:
    """The files in ``folder`` that hold ``secret`` anywhere in their bytes."""
    wanted = secret if isinstance(secret, bytes) else secret.encode()
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and wanted in path.read_bytes()]


def without_escapes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b.", "", text)
