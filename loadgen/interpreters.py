"""Other Pythons, in which the engines of some clients run: what they are, and what is installed there."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import loadgen
from loadgen import clients
from loadgen.model import ClientId

OLDEST = (3, 11)
SECONDS = 60.0  # that an answer may take

# Any Python understands these, whatever is installed there.
_WHAT = """
import json, platform, sys
print(json.dumps([platform.python_implementation(), sys.version_info[:3], "t" in getattr(sys, "abiflags", "")]))
"""
_INSIDE = """
import json, sys
told = {}
try:
    import loadgen
    told["loadgen"] = loadgen.__version__
    if loadgen.__version__ == sys.argv[1]:
        for module in filter(None, sys.argv[3:]):
            __import__(module)
        from loadgen import clients, model
        clients.load(model.ClientId(sys.argv[2]))
        told["version"] = clients.version(sys.argv[2])
        told["beneath"] = clients.installed(sys.argv[3]) if sys.argv[3] else None
except Exception as error:
    told["missing"] = getattr(error.__cause__ or error, "name", None) or str(error)
told["gil"] = getattr(sys, "_is_gil_enabled", lambda: True)()
print()
print(json.dumps(told))
"""


class InterpreterError(Exception):
    """What is no Python for us, or lacks what a client needs; the message says what and what would help."""


class Interpreter(NamedTuple):
    """A Python."""

    path: str
    implementation: str  # CPython, PyPy, …
    version: tuple[int, ...]
    free_threaded: bool  # built so that it can do without the GIL

    @property
    def short(self) -> str:
        """Such as ``3.13``, ``3.14t`` or ``pypy3.11``."""
        name = "" if self.implementation == "CPython" else self.implementation.lower()
        return f"{name}{self.version[0]}.{self.version[1]}{'t' if self.free_threaded else ''}"

    def __str__(self) -> str:
        free = ", free-threaded" if self.free_threaded else ""
        return f"{self.implementation} {'.'.join(map(str, self.version))}{free}"


class Inside(NamedTuple):
    """What is in an interpreter for a client. ``gil``: it runs with the GIL when all is imported."""

    version: str | None  # of the client's library
    beneath: str | None  # of what its driver stands on, if anything
    gil: bool


@cache
def look(path: str) -> Interpreter:
    """What Python is at ``path``. Raises InterpreterError for none, and for one that is too old."""
    implementation, version, free_threaded = _ask([path, "-E", "-S", "-c", _WHAT])
    if tuple(version) < OLDEST:
        raise InterpreterError(f"is Python {'.'.join(map(str, version))}, not 3.11 or newer")
    return Interpreter(path, implementation, tuple(version), free_threaded)


def inside(client: ClientId) -> Inside:
    """What the client's own interpreter has for it.

    Raises InterpreterError, with the command that installs it there, where loadgen, the library or what either
    needs is missing, and where its loadgen is not of our version: the engine there must be the same as here.
    """
    assert client.python is not None
    driver = "loadgen.engine.tasks" if clients.info(client.name).mode == "tasks" else "loadgen.engine.threads"
    return _inside(client.python, client.name, clients.beneath(client) or "", driver)


@cache
def _inside(path: str, name: str, beneath: str, driver: str) -> Inside:
    modules = [beneath, driver, "loadgen.engine.__main__"]
    told = _ask([path, "-P", "-c", _INSIDE, loadgen.__version__, name, *modules])
    missing, theirs = told.get("missing"), told.get("loadgen")
    if missing is None and theirs == loadgen.__version__:
        return Inside(told["version"], told["beneath"], told["gil"])
    has = f"no {missing}" if missing else f"loadgen {theirs}, and this is {loadgen.__version__}"
    wanted = missing if missing == beneath else _requirement(name)
    raise InterpreterError(f"has {has}; install it there: {path} -m pip install {wanted}")


def _ask(command: Sequence[str]) -> Any:
    """What a short program says in JSON in its last line."""
    try:
        ran = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, ValueError) as error:  # the latter for what cannot be a path
        raise InterpreterError(f"cannot be run: {getattr(error, 'strerror', None) or error}") from None
    except subprocess.TimeoutExpired:
        raise InterpreterError(f"said nothing for {SECONDS:.0f} s") from None
    try:
        return json.loads(ran.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        raise InterpreterError(f"does not answer as Python does (exit code {ran.returncode})") from None


def _requirement(name: str) -> str:
    """What pip must install for a client: this very loadgen, with its library."""
    from importlib.metadata import distribution

    origin = json.loads(distribution("loadgen").read_text("direct_url.json") or "{}").get("url", "")
    known = clients.entry(name)
    extra = f"[{known.extra}]" if known.extra else ""
    which = f" @ {origin}" if origin else f"=={loadgen.__version__}"
    return f'"loadgen{extra}{which}"' + ("" if extra else f" {known.distribution}")
