"""What the command line sets in a scenario: ``--set path.to.key=value``, and the flags that are short for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from loadgen.scenario.problems import Path, Problem, ScenarioError, dotted
from loadgen.scenario.source import BAD, Document, parse, scalar, with_leaves

# Setting one of these keys removes those beside it.
_REPLACES: Final[dict[Path, tuple[str, ...]]] = {
    ("target", "url"): ("simulator",),
    ("load", "duration"): ("requests",),
    ("load", "requests"): ("duration",),
    ("stages",): ("concurrency", "load"),
}


class Override(NamedTuple):
    """Sets ``key`` (``path.to.key``) to ``value``; problems with it name ``flag``."""

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
    """Return the flags of ``run`` as overrides; ``None``: not used. ``$`` is literal in them."""
    levels = None if concurrency is None else [scalar(part) for part in _split(concurrency)]
    flags: tuple[tuple[str, str, Any], ...] = (
        ("--url", "target.url", url),
        ("--clients", "clients", None if clients is None else _split(clients)),
        ("--concurrency", "concurrency", levels),
        ("--repeats", "repeats", _scalar(repeats)),
        ("--duration", "load.duration", _scalar(duration)),
        ("--seed", "seed", _scalar(seed)),
    )
    return [Override(flag, key, literal(value)) for flag, key, value in flags if value is not None]


def literal(value: Any) -> Any:
    """Return the value with every ``$`` doubled, so that it is no reference to the environment."""
    return with_leaves(value, lambda leaf, _: leaf.replace("$", "$$") if isinstance(leaf, str) else leaf)


def apply(document: Document, overrides: Sequence[str | Override]) -> None:
    """Apply ``overrides`` to ``document``, in order."""
    for override in overrides:
        parsed = _parse(override, document) if isinstance(override, str) else override
        if parsed is not None:
            _set(document, parsed)


def _parse(text: str, document: Document) -> Override | None:
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not re.fullmatch(r"[^\s.=]+(\.[^\s.=]+)*", key):
        problem = Problem("--set", "scenario", "is not path.to.key=value", "such as load.ramp=2s")
        document.problems.append(problem)
        return None
    flag = f"--set {key}"
    try:
        parsed = parse(flag, value)
        data, problems = parsed.data, parsed.problems
    except ScenarioError as error:
        data, problems = BAD, error.problems
    document.problems += [problem._replace(where=flag, key=key) for problem in problems]
    return Override(flag, key, data)


def _set(document: Document, override: Override) -> None:
    inside: Any = document.data
    path: Path = ()
    parts = override.key.split(".")
    for place, part in enumerate(parts, 1):
        step = _step(inside, part)
        if step is None:
            wrong = f"there is nothing to set below {dotted(path)}"
            right = "the path to a key of the scenario"
            document.problems.append(Problem(override.flag, override.key, wrong, right))
            return
        path = (*path, step)
        if place == len(parts):
            break
        if isinstance(inside, dict) and inside.get(part) is None:
            inside[part] = {}
            document.places[path] = override.flag
        inside = inside[step]
    for key in _REPLACES.get(path, ()):
        inside.pop(key, None)
    inside[path[-1]] = override.value
    document.places = {p: place for p, place in document.places.items() if p[: len(path)] != path}
    document.places[path] = override.flag


def _step(inside: Any, part: str) -> str | int | None:
    if isinstance(inside, dict):
        return part
    if isinstance(inside, list) and part.isdecimal() and len(part) < 10 and int(part) < len(inside):
        return int(part)
    return None


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _scalar(text: str | int | None) -> Any:
    return scalar(text) if isinstance(text, str) and text else text
