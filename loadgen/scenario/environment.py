"""``${NAME}`` and ``${NAME:-default}`` in text values; ``$$`` is a dollar sign."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from loadgen.scenario.problems import Path, nearest
from loadgen.scenario.source import BAD, Document, Plain, scalar

_REFERENCE: Final = re.compile(
    r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|(?P<bad>\{))"
)


class Filled(str):
    """Text that came from the environment, in whole or in part. Never shown."""

    __slots__ = ()


class FilledPlain(Filled):
    """The same where no quotes stood around it: it may mean a number."""

    __slots__ = ()


def fill(document: Document, environ: Mapping[str, str]) -> dict[Path, set[str]]:
    """Put the environment into ``document.data``. Returns what was taken from it, by path."""
    taken: dict[Path, set[str]] = {}
    document.data = _fill(document, document.data, (), environ, taken)
    return taken


def meaning(value: Any) -> Any:
    """What filled-in text means where anything but text is wanted: ``"3"`` is 3."""
    return scalar(str(value)) if isinstance(value, Filled) else value


def _fill(
    document: Document, value: Any, path: Path, environ: Mapping[str, str], taken: dict[Path, set[str]]
) -> Any:
    if isinstance(value, dict):
        return {key: _fill(document, inner, (*path, key), environ, taken) for key, inner in value.items()}
    if isinstance(value, list):
        return [_fill(document, inner, (*path, at), environ, taken) for at, inner in enumerate(value)]
    if isinstance(value, str):
        return _fill_text(document, value, path, environ, taken)
    return value


def _fill_text(
    document: Document, value: str, path: Path, environ: Mapping[str, str], taken: dict[Path, set[str]]
) -> Any:
    wrong: list[tuple[str, str]] = []
    found: set[str] = set()
    referred = False

    def replace(match: re.Match[str]) -> str:
        nonlocal referred
        name, default = match["name"], match["default"]
        if match["dollar"]:
            return "$"
        if name is None:
            wrong.append(
                ("has a ${ that is no reference", "${NAME} or ${NAME:-default}, or $${ for the text itself")
            )
            return ""
        referred = True
        # As in a shell, :- stands in for an empty value too.
        if environ.get(name) or (name in environ and default is None):
            found.add(environ[name])
            return environ[name]
        if default is None:
            near = nearest(name, environ)
            hint = f" (did you mean ${{{near}}}?)" if near else ""
            wrong.append((f"${{{name}}} is not set", f"set {name}, or ${{{name}:-default}}{hint}"))
            return ""
        return default

    text = _REFERENCE.sub(replace, value) if "$" in value else value
    if not wrong and not _encodable(text):
        wrong.append(("holds what is no Unicode text", "text in UTF-8"))
    for problem in wrong:
        document.report(path, *problem)
    if wrong:
        return BAD
    if found - {""}:
        taken[path] = found - {""}
    if referred:
        return (FilledPlain if isinstance(value, Plain) else Filled)(text)
    return str(text)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
