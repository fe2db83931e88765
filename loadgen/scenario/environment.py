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
    """Such text without quotes: it may mean a number."""

    __slots__ = ()


def meaning(value: Any) -> Any:
    """Return what filled-in text means where another type than text is wanted: ``"3"`` is 3."""
    return scalar(str(value)) if isinstance(value, Filled) else value


def fill(document: Document, environ: Mapping[str, str]) -> dict[Path, set[str]]:
    """Put the environment into ``document.data``; return the values taken from it, by path."""
    taken: dict[Path, set[str]] = {}

    def filled(value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: filled(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [filled(inner, (*path, at)) for at, inner in enumerate(value)]
        if not isinstance(value, str):
            return value
        filler = _Filler(environ)
        text = _REFERENCE.sub(filler.replace, value) if "$" in value else value
        if not filler.problems and not _is_unicode(text):
            filler.problems.append(("is not Unicode text", "text in UTF-8"))
        for problem in filler.problems:
            document.report(path, *problem)
        if filler.problems:
            return BAD
        if filler.taken - {""}:
            taken[path] = filler.taken - {""}
        if filler.referred:
            return (FilledPlain if isinstance(value, Plain) else Filled)(text)
        return str(text)

    document.data = filled(document.data, ())
    return taken


class _Filler:
    """Replaces the references of one text."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[tuple[str, str]] = []
        self.taken: set[str] = set()
        self.referred = False
        self._environ = environ

    def replace(self, match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if match["dollar"]:
            return "$"
        if name is None:
            right = "${NAME} or ${NAME:-default}, or $${ for the text itself"
            self.problems.append(("has a ${ that is not a reference", right))
            return ""
        self.referred = True
        # As in a shell, :- replaces an empty value too.
        if self._environ.get(name) or (name in self._environ and default is None):
            self.taken.add(self._environ[name])
            return self._environ[name]
        if default is None:
            near = nearest(name, self._environ)
            hint = f" (did you mean ${{{near}}}?)" if near else ""
            self.problems.append((f"${{{name}}} is not set", f"set {name}, or ${{{name}:-default}}{hint}"))
        return default or ""


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
