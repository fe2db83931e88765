"""``clients``: each a name, or a mapping with the options that make it a variant of its own."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any, Final

from pydantic_core import PydanticCustomError

from loadgen import clients
from loadgen.interpreters import InterpreterError, identify
from loadgen.model import ClientId
from loadgen.scenario.environment import meaning
from loadgen.scenario.problems import Path, choose
from loadgen.scenario.source import kind
from loadgen.scenario.values import shown, size, text, wrong, wrongs

PYTHON: Final = "python"
STREAM: Final = (True, False)


def options(name: str) -> Mapping[str, clients.Values]:
    """What a client takes beside ``python``; of an outsider whose library is missing what all take."""
    try:
        own = clients.options(name)
    except ImportError:
        own = {}  # told when it is loaded
    return {"stream": STREAM, **own}


def client(value: Any, folder: FilePath) -> ClientId:
    """The client that is meant; a relative path of an interpreter begins in ``folder``."""
    given = {"client": value} if isinstance(value, str) else value
    if not isinstance(given, dict) or "client" not in given:
        raise wrong(
            f"is {kind(value)} without a client's name", "a name, or {client: aiohttp, stream: false}"
        )
    name, at = given["client"], () if isinstance(value, str) else ("client",)
    if not isinstance(name, str):
        raise wrong(f"is {kind(name)}", f"one of {', '.join(clients.names())}", at)
    if name not in clients.names():
        raise wrong(f"{shown(name)} is no client", choose(name, clients.names()), at)
    known = options(name)
    told: dict[str, Any] = {}
    python = None
    found: list[tuple[Path, str, str]] = []
    for key, raw in given.items():
        try:
            if key == PYTHON:
                python = _path(raw, folder)
                told[key] = _short(raw, python)
            elif key in known:
                told[key] = _value(raw, known[key])
            elif key != "client":
                raise wrong(f"is no option of {name}", choose(key, [*known, PYTHON]))
        except PydanticCustomError as error:
            found += [((key,), says, right) for _, says, right in (error.context or {})["found"]]
    if found:
        raise wrongs(found)
    return ClientId(str(name), told, python=python)


def _value(raw: Any, known: clients.Values) -> Any:
    if isinstance(known, clients.Size):
        return size(raw, known.least, known.most, known.step)
    said = meaning(raw)
    if not any(said == allowed and type(said) is type(allowed) for allowed in known):
        values = ", ".join(str(v).lower() if isinstance(v, bool) else str(v) for v in known)
        raise wrong(f"{shown(raw)} is no value for it", f"one of {values}")
    return said


def _path(raw: Any, folder: FilePath) -> str:
    """A path without a slash is a command, as in a shell."""
    said = text(raw)
    if "/" not in said:
        return shutil.which(said) or said
    return os.path.abspath(folder / os.path.expanduser(said))


def _short(raw: Any, path: str) -> str:
    try:
        return identify(path).short
    except InterpreterError as error:
        right = "a Python from 3.11 on, such as python3.14 or ~/venvs/3.14t/bin/python"
        raise wrong(f"{shown(raw)} {error}", right) from None


def different(value: Sequence[ClientId]) -> list[ClientId]:
    """The clients, with what differs told apart; those with the same label are refused."""
    value = apart(value)
    labels = [client.label for client in value]
    found: list[tuple[Path, str, str]] = [
        ((at,), f"{label} is there twice", "each client once, or with different options")
        for at, label in enumerate(labels)
        if label in labels[:at]
    ]
    if found:
        raise wrongs(found)
    return value


def apart(value: Sequence[ClientId]) -> list[ClientId]:
    """Interpreters of one version, such as two environments, are numbered: ``3.13`` and ``3.13#2``."""
    names: dict[tuple[str, str], str] = {}
    seen: Counter[str] = Counter()
    told = []
    for client in value:
        options = dict(client.options)
        if client.python is not None:
            # One environment has its interpreter under several names; several environments may link to one.
            place = os.path.dirname(client.python), os.path.realpath(client.python)
            if place not in names:
                seen[options[PYTHON]] += 1
                number = seen[options[PYTHON]]
                names[place] = options[PYTHON] if number == 1 else f"{options[PYTHON]}#{number}"
            options[PYTHON] = names[place]
        told.append(replace(client, options=options))
    return told
