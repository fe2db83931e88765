"""``clients``: each a name, or a mapping with the options that make it a variant of its own."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any, Final

from pydantic_core import PydanticCustomError

from loadgen import clients, protocols
from loadgen.interpreters import InterpreterError, NotAllowed
from loadgen.model import ClientId
from loadgen.scenario.environment import meaning
from loadgen.scenario.problems import Path, choose
from loadgen.scenario.source import kind
from loadgen.scenario.values import check, problems_of, shown, size, text, twice, wrong

PYTHON: Final = "python"
COMMON: Final[Mapping[str, clients.Values]] = {
    "stream": (True, False),
    "http": ("1.1", "2"),
    "connections": ("reuse", "new"),
}  # and the protocol: options of every client, which replace the scenario's key of that name

Version = Callable[[str], str]  # returns the version of the interpreter at a path; raises InterpreterError


def options_of(name: str) -> Mapping[str, clients.Values]:
    """Return the options of a client except ``python``; only the common ones where it cannot be read."""
    try:
        own = clients.options(name)
    except (ImportError, clients.InvalidClient):
        own = {}  # reported when the client is used
    return {**COMMON, "protocol": tuple(protocols.names()), **own}


def client(value: Any, folder: FilePath, version: Version) -> ClientId:
    """Return the client; a relative path of an interpreter begins in ``folder``."""
    keys = {"client": value} if isinstance(value, str) else value
    if not isinstance(keys, dict) or "client" not in keys:
        right = "a name, or {client: aiohttp, stream: false}"
        raise wrong(f"is {kind(value)} without a client's name", right)
    name, at = keys["client"], () if isinstance(value, str) else ("client",)
    if name not in clients.names():
        raise wrong(f"{shown(name)} is not a client", choose(str(name), clients.names()), at)
    try:
        clients.info(name)
    except clients.InvalidClient as error:
        raise wrong(f"is not usable: {error}", "another client", at) from None
    except ImportError:
        pass  # reported by preflight
    known, options, python = options_of(name), dict[str, Any](), None
    problems: list[tuple[Path, str, str]] = []
    for key, raw in keys.items():
        try:
            if key == PYTHON:
                python = _path(raw, folder)
                options[key] = _version(raw, python, version)
            elif key in known:
                options[key] = _value(raw, known[key])
            elif key != "client":
                raise wrong(f"is not an option of {name}", choose(key, [*known, PYTHON]))
        except PydanticCustomError as error:
            problems += problems_of(error, (key,))
    check(value, problems)
    return ClientId(str(name), options, python=python)


def _value(raw: Any, known: clients.Values) -> Any:
    if isinstance(known, clients.Size):
        return size(raw, known.least, known.most, known.step)
    value = meaning(raw)
    if isinstance(value, int | float) and str(value) in known:
        value = str(value)
    if not any(value == allowed and type(value) is type(allowed) for allowed in known):
        values = ", ".join(str(v).lower() if isinstance(v, bool) else str(v) for v in known)
        raise wrong(f"{shown(raw)} is not allowed", f"one of {values}")
    return value


def _path(raw: Any, folder: FilePath) -> str:
    """Return the interpreter's path. A path without a slash is a command, as in a shell."""
    path = text(raw)
    if "/" not in path:
        return shutil.which(path) or path
    return os.path.abspath(folder / os.path.expanduser(path))


def _version(raw: Any, path: str, version: Version) -> str:
    try:
        return version(path)
    except NotAllowed as error:
        raise wrong(f"{shown(raw)} is a program, which would be run", str(error)) from None
    except InterpreterError as error:
        right = "a Python from 3.11 on, such as python3.14 or ~/venvs/3.14t/bin/python"
        raise wrong(f"{shown(raw)} {error}", right) from None


def distinct(value: Sequence[ClientId]) -> list[ClientId]:
    """Return the clients with their interpreters numbered; those with the same label are refused."""
    found = list(numbered(value))
    return check(
        found, twice([client.label for client in found], "each client once, or with different options")
    )


def numbered(value: Sequence[ClientId]) -> Iterator[ClientId]:
    """Yield the clients; several interpreters of one version are numbered: ``3.13`` and ``3.13#2``."""
    names: dict[tuple[str, str], str] = {}
    seen: Counter[str] = Counter()
    for client in value:
        if client.python is None:
            yield client
            continue
        # One environment has its interpreter under several names; several environments may link to one.
        place = os.path.dirname(client.python), os.path.realpath(client.python)
        if place not in names:
            version = client.options[PYTHON]
            seen[version] += 1
            names[place] = version if seen[version] == 1 else f"{version}#{seen[version]}"
        yield replace(client, options={**client.options, PYTHON: names[place]})
