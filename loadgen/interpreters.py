"""Other Python interpreters, in which the engines of some clients run, and what is installed there."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import loadgen
from loadgen import clients
from loadgen.model import ClientId

ENVIRONMENTS = "loadgen/environments"  # below the user's folder of data
MIN_VERSION = (3, 11)
ANSWER_TIMEOUT_S = 60.0
ALLOWED = "LOADGEN_ALLOW_PYTHON"
ANY = "*"

# Any Python understands these, whatever is installed there.
_IDENTIFY = """
import json, platform, sys
print(json.dumps([platform.python_implementation(), sys.version_info[:3], "t" in getattr(sys, "abiflags", "")]))
"""
_INSPECT = """
import json, sys
report = {}
try:
    import loadgen
    report["loadgen"] = loadgen.__version__
    if loadgen.__version__ == sys.argv[1]:
        for module in filter(None, sys.argv[3:]):
            __import__(module)
        from loadgen import clients, model
        clients.load(model.ClientId(sys.argv[2]))
        report["version"] = clients.version(sys.argv[2])
        report["runtime"] = clients.installed(sys.argv[3]) if sys.argv[3] else None
except Exception as error:
    report["missing"] = getattr(error.__cause__ or error, "name", None) or str(error)
report["gil"] = getattr(sys, "_is_gil_enabled", lambda: True)()
print()
print(json.dumps(report))
"""


class InterpreterError(Exception):
    """No usable Python, or one that lacks what a client needs; the message says what, and what to do."""


class NotAllowed(InterpreterError):
    """The user has not allowed this program to run; the message says how to."""


class Interpreter(NamedTuple):
    """What a Python is: ``3.13``, ``3.14t`` (free-threaded) or ``pypy3.11``, and in full."""

    short: str
    full: str


class Installed(NamedTuple):
    """What an interpreter has for a client. ``gil``: it runs with the GIL when all is imported."""

    version: str | None  # of the client's library
    runtime_version: str | None  # of the distribution that its driver needs, if any
    gil: bool


def allowed_version(path: str, environ: Mapping[str, str]) -> str:
    """Return the short version of the Python at ``path``, which is run for it. Raises InterpreterError.

    A scenario may come from anybody: ``environ`` says in ALLOWED which programs may be run, separated as in PATH.
    """
    listed = environ.get(ALLOWED, "").split(os.pathsep)
    known = [os.path.abspath(os.path.expanduser(each)) for each in listed if each]
    if ANY not in listed and path not in known and not _is_built_here(path):
        raise NotAllowed(
            f"if you trust the scenario: --allow-python, or list it in your environment, {ALLOWED}={path}"
        )
    return identify(path).short


def environments() -> Path:
    """Return the folder of the environments that ``loadgen env`` builds."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / ENVIRONMENTS


def environment(name: str, version: str = "") -> Path:
    """Return the folder of a client's environment for a version of Python, ours by default; it may not exist.

    Clients that need the same share one.
    """
    known = clients.info(name)
    return environments() / f"{known.extra or known.distribution or name}-{version or OURS}"


def of(client: ClientId) -> str | None:
    """Return the interpreter in which the client's engine runs; ``None``: ours.

    A client that is not installed here runs in the environment that ``loadgen env`` built for our version of Python.
    """
    if client.python is not None or clients.version(client.name) is not None:
        return client.python
    python = environment(client.name) / "bin" / "python"
    return str(python) if python.exists() else None


def _is_built_here(path: str) -> bool:
    python = Path(path)
    return python.parts[-2:] == ("bin", "python") and python.parents[2] == environments() and python.exists()


def guessed_version(path: str) -> str:
    """Return the version in the name of the program, which is not run; its name where there is none."""
    name = os.path.basename(os.path.realpath(path))
    found = re.fullmatch(r"(?:python|(pypy))(3\.\d+t?)", name)
    return f"{found[1] or ''}{found[2]}" if found else name


def _short(implementation: str, version: Sequence[int], free_threaded: bool) -> str:
    name = "" if implementation == "CPython" else implementation.lower()
    return f"{name}{version[0]}.{version[1]}{'t' if free_threaded else ''}"


OURS = _short(platform.python_implementation(), sys.version_info[:2], "t" in getattr(sys, "abiflags", ""))


@cache
def identify(path: str) -> Interpreter:
    """Return the Python at ``path``. Raises InterpreterError where there is none, and for one that is too old."""
    implementation, version, free_threaded = _run([path, "-E", "-S", "-c", _IDENTIFY])
    full = ".".join(map(str, version))
    if tuple(version) < MIN_VERSION:
        raise InterpreterError(f"is Python {full}, not 3.11 or newer")
    return Interpreter(
        _short(implementation, version, free_threaded),
        f"{implementation} {full}{', free-threaded' if free_threaded else ''}",
    )


def inspect(client: ClientId) -> Installed:
    """Return what the client's own interpreter has for it.

    Raises InterpreterError, with the command that installs it there, where loadgen, the library or what either
    needs is missing, and where its loadgen is of another version: the engine there must be the same as here.
    """
    python = of(client)
    assert python is not None
    driver = "loadgen.engine.tasks" if clients.info(client.name).mode == "tasks" else "loadgen.engine.threads"
    return _inspect(python, client.name, clients.runtime_dependency(client) or "", driver)


@cache
def _inspect(path: str, name: str, dependency: str, driver: str) -> Installed:
    modules = [dependency, driver, "loadgen.engine.__main__"]
    report = _run([path, "-P", "-c", _INSPECT, loadgen.__version__, name, *modules])
    missing, theirs = report.get("missing"), report.get("loadgen")
    if missing is None and theirs == loadgen.__version__:
        return Installed(report["version"], report["runtime"], report["gil"])
    has = f"no {missing}" if missing else f"loadgen {theirs}, and this is {loadgen.__version__}"
    wanted = missing if missing == dependency else _requirement(name)
    raise InterpreterError(f"has {has}; install it there: {path} -m pip install {wanted}")


def _run(command: Sequence[str]) -> Any:
    """Return the JSON that a short program prints in its last line."""
    try:
        ran = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_TIMEOUT_S, check=False
        )
    except (OSError, ValueError) as error:  # the latter for what cannot be a path
        raise InterpreterError(f"cannot be run: {getattr(error, 'strerror', None) or error}") from None
    except subprocess.TimeoutExpired:
        raise InterpreterError(f"did not answer within {ANSWER_TIMEOUT_S:.0f} s") from None
    try:
        return json.loads(ran.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        raise InterpreterError(f"does not answer as Python does (exit code {ran.returncode})") from None


def _requirement(name: str) -> str:
    """Return what pip must install for a client: this very loadgen, with its library."""
    from importlib.metadata import distribution

    origin = json.loads(distribution("loadgen").read_text("direct_url.json") or "{}").get("url", "")
    known = clients.info(name)
    extra = f"[{known.extra}]" if known.extra else ""
    which = f" @ {origin}" if origin else f"=={loadgen.__version__}"
    return f'"loadgen{extra}{which}"' + ("" if extra else f" {known.distribution}".rstrip())
