"""The command line: ``--set path.to.key=value``, the flags that are short for it, and those of ``loadgen limit``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Final, NamedTuple

from pydantic_core import PydanticCustomError

from loadgen.scenario import values
from loadgen.scenario.problems import Path, Problem, ScenarioError, dotted
from loadgen.scenario.source import BAD, Document, at, is_unicode, parse, scalar, with_leaves

# Setting one of these keys removes those.
_REPLACES: Final[dict[Path, tuple[Path, ...]]] = {
    ("target", "url"): (("target", "simulator"),),
    ("load", "duration"): (("load", "requests"),),
    ("load", "requests"): (("load", "duration"),),
    ("concurrency",): (
        ("trace",),
        ("rate",),
        ("load", "arrivals"),
        ("load", "shape"),
        ("load", "max_streams"),
    ),
    ("rate",): (("trace",), ("concurrency",), ("load", "ramp"), ("load", "ramp_per_stream")),
    ("stages",): (("trace",), ("concurrency",), ("rate",), ("load",)),
    ("trace",): (("concurrency",), ("rate",), ("stages",), ("load",)),
}
# flag -> what it is, the validator of its value, which must be between the next two, and what would be right
_FLAGS: Final[dict[str, tuple[str, Callable[[Any], float], float, float, str]]] = {
    "--lag-p99": ("budget", values.duration, 0, inf, "such as 10ms"),
    "--errors": ("budget", values.fraction, 0, 1, "more than 0, less than 100%"),
    "--ttft": ("budget", values.number, 1, inf, "more than 1, such as 1.5"),
    "--precision": ("precision", values.fraction, 0, 1, "more than 0, less than 100%"),
    "--max-rate": ("rate", values.rate, 0, inf, "more than 0, such as 50 or 50/s"),
    "--duration": ("step", values.duration, 0, inf, "more than 0, such as 3s"),
    "--max-time": ("run", values.duration, 0, inf, "more than 0, such as 10m"),
}


class Override(NamedTuple):
    """Sets ``key`` (``path.to.key``) to ``value``; problems with it name ``flag``."""

    flag: str
    key: str
    value: Any


def overrides_from_flags(
    *,
    url: str | None = None,
    clients: str | Sequence[str] | None = None,
    concurrency: str | int | Sequence[int] | None = None,
    rate: str | float | Sequence[float | str] | None = None,
    repeats: str | int | None = None,
    duration: str | None = None,
    seed: str | int | None = None,
    engines: str | int | None = None,
) -> list[Override]:
    """Return the flags of ``run`` as overrides; ``None``: not used. ``$`` is literal in them.

    Several clients or levels are a sequence, or text with commas.
    """

    def listed(value: Any) -> Any:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return list(value) if isinstance(value, Sequence) else value

    def typed(value: Any) -> Any:
        if isinstance(value, list):
            return [typed(each) for each in value]
        return scalar(value) if isinstance(value, str) and value else value

    flags: dict[str, tuple[str, Any]] = {
        "--url": ("target.url", url),
        "--clients": ("clients", listed(clients)),
        "--concurrency": ("concurrency", typed(listed(concurrency))),
        "--rate": ("rate", typed(listed(rate))),
        "--repeats": ("repeats", typed(repeats)),
        "--duration": ("load.duration", typed(duration)),
        "--seed": ("seed", typed(seed)),
        "--engines": ("engines", typed(engines)),
    }
    return [Override(flag, key, literal(value)) for flag, (key, value) in flags.items() if value is not None]


def literal(value: Any) -> Any:
    """Return the value with every ``$`` doubled, so that it is no reference to the environment."""
    return with_leaves(value, lambda leaf, _: leaf.replace("$", "$$") if isinstance(leaf, str) else leaf)


def apply(document: Document, overrides: Sequence[str | Override]) -> None:
    """Apply ``overrides`` to ``document``, in order."""
    flags = {each.flag for each in overrides if isinstance(each, Override)}
    if {"--concurrency", "--rate"} <= flags:
        document.problems.append(
            Problem("--rate", "rate", "is mutually exclusive with --concurrency", "one of the two")
        )
    for override in overrides:
        parsed = _parse(override, document) if isinstance(override, str) else override
        if parsed is not None:
            _set(document, parsed)


def _parse(text: str, document: Document) -> Override | None:
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not re.fullmatch(r"[^\s.=]+(\.[^\s.=]+)*", key) or not is_unicode(key):
        problem = Problem("--set", "scenario", "is not path.to.key=value", "such as load.ramp=2s")
        document.problems.append(problem)
        return None
    flag, data = f"--set {key}", BAD
    try:
        parsed = parse(flag, value)
        data, problems = parsed.data, parsed.problems
    except ScenarioError as error:
        problems = error.problems
    document.problems += [problem._replace(where=flag, key=key) for problem in problems]
    return Override(flag, key, data)


def _set(document: Document, override: Override) -> None:
    inside: Any = document.data
    path: Path = ()
    for part in override.key.split("."):
        if path:
            if isinstance(inside, dict) and inside.get(path[-1]) is None:
                inside[path[-1]] = {}
                document.places[path] = override.flag
            inside = inside[path[-1]]
        if isinstance(inside, dict):
            path = (*path, part)
        elif isinstance(inside, list) and part in map(str, range(len(inside))):
            path = (*path, int(part))
        else:
            wrong, right = (
                f"there is nothing to set below {dotted(path)}",
                "the path to a key of the scenario",
            )
            document.problems.append(Problem(override.flag, override.key, wrong, right))
            return
    for *above, key in _REPLACES.get(path, ()):
        if isinstance(mapping := at(document.data, tuple(above))[1], dict):
            mapping.pop(key, None)
    inside[path[-1]] = override.value
    document.places = {p: place for p, place in document.places.items() if p[: len(path)] != path}
    document.places[path] = override.flag


def parse_flag(flag: str, text: str) -> float:
    """Return the value of a flag; a duration in seconds. Raises ScenarioError."""
    what, validator, least, most, right = _FLAGS[flag]
    try:
        value = validator(scalar(text))
    except PydanticCustomError as error:
        problems = [Problem(flag, what, wrong, right) for _, wrong, right in values.problems_of(error)]
        raise ScenarioError(problems) from None
    if not least < value < most:
        raise ScenarioError([Problem(flag, what, f"{text} is out of range", right)])
    return value
