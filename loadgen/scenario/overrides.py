"""What the command line says over the file: ``--set path.to.key=value`` and the flags that stand for such."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from loadgen.scenario.problems import Path, Problem, ScenarioError, dotted
from loadgen.scenario.source import Document, parse, scalar

# Where one of these keys is given, those beside it have to go.
_REPLACES: Final[dict[Path, tuple[str, ...]]] = {
    ("target", "url"): ("simulator",),
    ("load", "duration"): ("requests",),
    ("load", "requests"): ("duration",),
    ("stages",): ("concurrency", "load"),
}


class Override(NamedTuple):
    """``value`` goes to ``key`` (``path.to.key``); problems with it name ``flag``."""

    flag: str
    key: str
    value: Any


def overrides_from_flags(
    *,
    url: str | None = None,
    clients: str | None = None,
    concurrency: str | None = None,
    repeats: str | int | None = None,
    duration: str | None = None,
    seed: str | int | None = None,
) -> list[Override]:
    """The flags of ``run`` as overrides; None is a flag that was not given. ``$`` means itself in them."""
    given: list[tuple[str, str, Any]] = [
        ("--url", "target.url", url),
        ("--clients", "clients", None if clients is None else _split(clients)),
        (
            "--concurrency",
            "concurrency",
            None if concurrency is None else [scalar(part) for part in _split(concurrency)],
        ),
        ("--repeats", "repeats", _number(repeats)),
        ("--duration", "load.duration", _number(duration)),
        ("--seed", "seed", _number(seed)),
    ]
    return [Override(flag, key, _literal(value)) for flag, key, value in given if value is not None]


def apply(document: Document, overrides: Sequence[str | Override]) -> None:
    """Lay ``overrides`` over ``document``, in order."""
    for override in overrides:
        given = _from_text(override, document) if isinstance(override, str) else override
        if given is not None:
            _put(document, given)


def _from_text(text: str, document: Document) -> Override | None:
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not re.fullmatch(r"[^\s.=]+(\.[^\s.=]+)*", key):
        document.problems.append(
            Problem("--set", "scenario", "is not path.to.key=value", "such as load.ramp=2s")
        )
        return None
    flag = f"--set {key}"
    try:
        parsed = parse(flag, value)
    except ScenarioError as error:
        document.problems += [problem._replace(where=flag, key=key) for problem in error.problems]
        return None
    document.problems += [problem._replace(where=flag, key=key) for problem in parsed.problems]
    return Override(flag, key, parsed.data)


def _put(document: Document, override: Override) -> None:
    inside: Any = document.data
    path: Path = ()
    *way, last = override.key.split(".")
    for part in way:
        step = _step(inside, part)
        if step is None:
            _refuse(document, override, path)
            return
        path = (*path, step)
        if isinstance(inside, dict) and inside.get(part) is None:
            inside[part] = {}
            document.places[path] = override.flag
        inside = inside[step]
    step = _step(inside, last)
    if step is None:
        _refuse(document, override, path)
        return
    for gone in _REPLACES.get((*path, step), ()):
        inside.pop(gone, None)
    inside[step] = override.value
    path = (*path, step)
    document.places = {p: place for p, place in document.places.items() if p[: len(path)] != path}
    document.places[path] = override.flag


def _step(inside: Any, part: str) -> str | int | None:
    if isinstance(inside, dict):
        return part
    if isinstance(inside, list) and part.isdecimal() and len(part) < 10 and int(part) < len(inside):
        return int(part)
    return None


def _refuse(document: Document, override: Override, path: Path) -> None:
    wrong = f"there is nothing to set below {dotted(path)}"
    document.problems.append(Problem(override.flag, override.key, wrong, "the path to a key of the scenario"))


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _number(text: str | int | None) -> Any:
    return scalar(text) if isinstance(text, str) and text else text


def _literal(value: Any) -> Any:
    if isinstance(value, list):
        return [_literal(part) for part in value]
    return value.replace("$", "$$") if isinstance(value, str) else value
