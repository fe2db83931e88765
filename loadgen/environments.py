"""Environments of their own for clients whose packages do not fit with the rest, built by ``loadgen env``."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import loadgen
from loadgen import clients, distributions, interpreters
from loadgen.model import ClientId

RECORD = "loadgen.json"  # what was built; its place says that the environment is complete
SCRATCH = ".building-"  # and the process that builds
INSTALL_TIMEOUT_S = 1800.0
SHOWN_LINES = 5


class BuildError(Exception):
    """The environment was not built; the message says why."""


class Environment(NamedTuple):
    """An environment that is complete."""

    folder: Path
    python: str
    requirements: list[str]
    loadgen: str


def build(name: str, base: str = sys.executable, *, anew: bool = False) -> tuple[Environment, bool]:
    """Return a client's environment on the Python at ``base``, and whether it had to be built.

    Raises InterpreterError for an unusable Python, BuildError where the packages cannot be installed. What is left of
    a build that fails or is killed is never used.
    """
    folder = interpreters.environment(name, interpreters.identify(base).short)
    wanted = sorted(map(str, _requirements(name)))
    known = read(folder)
    if known and not anew and (known.requirements, known.loadgen) == (wanted, _package()):
        with contextlib.suppress(interpreters.InterpreterError):
            interpreters.inspect(ClientId(name, python=known.python))
            return known, False
    with _scratch(folder.parent) as made:
        fresh = made / "environment"
        _install(base, fresh, wanted)
        try:
            interpreters.inspect(ClientId(name, python=str(fresh / "bin" / "python")))
        except interpreters.InterpreterError as error:
            raise BuildError(f"what was installed does not work: it {error}") from None
        record = {"requirements": wanted, "loadgen": _package()}
        (fresh / RECORD).write_text(json.dumps(record), encoding="utf-8")
        if folder.exists():
            folder.rename(made / "before")
        fresh.rename(folder)
    built = read(folder)
    assert built is not None
    return built, True


def read(folder: Path) -> Environment | None:
    """Return the environment in a folder; ``None`` where there is none that is complete."""
    try:
        record = json.loads((folder / RECORD).read_bytes())
        return Environment(folder, str(folder / "bin" / "python"), record["requirements"], record["loadgen"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def every() -> Iterator[Environment]:
    """Yield the environments that are complete, by name."""
    with contextlib.suppress(OSError):
        yield from filter(None, map(read, sorted(interpreters.environments().iterdir())))


def remove(name: str, base: str = sys.executable) -> Path | None:
    """Remove a client's environment and return its folder; ``None`` where there is none."""
    folder = interpreters.environment(name, interpreters.identify(base).short)
    if not folder.exists():
        return None
    with _scratch(folder.parent) as gone:
        folder.rename(gone / "before")
    return folder


@contextlib.contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    """Give a folder that is removed in the end; remove those that killed processes left."""
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{SCRATCH}*"):
        if not Path("/proc", left.name.split("-")[1]).exists() and Path("/proc/self").exists():
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        dir=parent, prefix=f"{SCRATCH}{os.getpid()}-", ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


def _requirements(name: str) -> Sequence[object]:
    if name not in clients.BUILTIN:
        raise BuildError(
            f"{name} comes from another package; install that into an environment and name it: python:"
        )
    try:
        found = distributions.needs(ClientId(name))
        if clients.info(name).mode == "tasks":  # for loop: uvloop
            found += [
                each for each in distributions.extra("floor") if each.name not in {f.name for f in found}
            ]
    except LookupError as error:
        raise BuildError(f"{error}; install loadgen again") from None
    return found


def _package() -> str:
    return str(Path(loadgen.__file__).parent)


def _install(base: str, folder: Path, wanted: Sequence[str]) -> None:
    """Make an environment with the packages and this very loadgen, without what else it stands beside."""
    python = str(folder / "bin" / "python")
    if uv := _uv():
        _run([uv, "venv", "--quiet", "--no-project", "--relocatable", "--python", base, str(folder)])
        _run([uv, "pip", "install", "--quiet", "--python", python, *wanted])
    else:
        _run([base, "-m", "venv", str(folder)])
        _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted])
    (packages,) = folder.glob("lib/*/site-packages")
    (packages / "loadgen").symlink_to(_package(), target_is_directory=True)


def _uv() -> str | None:
    if found := shutil.which("uv"):
        return found
    if importlib.util.find_spec("uv") is None:
        return None
    from uv import find_uv_bin

    with contextlib.suppress(FileNotFoundError):
        return str(find_uv_bin())
    return None


def _run(command: Sequence[str]) -> None:
    """Run an installer. Raises BuildError with the last that it printed."""
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    try:
        ran = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=kept,
            timeout=INSTALL_TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BuildError(f"{command[0]} did not end within {INSTALL_TIMEOUT_S / 60:.0f} minutes") from None
    if ran.returncode:
        last = (ran.stderr.strip() or ran.stdout.strip()).splitlines()[-SHOWN_LINES:]
        raise BuildError("\n  ".join([f"{' '.join(command[:3])} … failed:", *last]))
