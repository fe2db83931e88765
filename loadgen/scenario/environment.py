"""``${NAME}`` and ``${NAME:-default}`` in text values; ``$$`` is a dollar sign."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from loadgen.scenario.problems import Path, nearest
from loadgen.scenario.source import BAD, Document, Plain, scalar, with_leaves

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
        if not isinstance(value, str):
            return value
        text = _Text(environ)
        whole = _REFERENCE.sub(text.replace, value) if "$" in value else value
        if not text.problems and not is_unicode(whole):
            text.problems.append(("is not Unicode text", "text in UTF-8"))
        for problem in text.problems:
            document.report(path, *problem)
        if text.problems:
            return BAD
        if values := text.taken - {""}:
            taken[path] = values
        if text.referred:
            return (FilledPlain if isinstance(value, Plain) else Filled)(whole)
        return str(whole)

    document.data = with_leaves(document.data, filled)
    return taken


@dataclass
class _Text:
    """Replaces the references of one text."""

    environ: Mapping[str, str]
    problems: list[tuple[str, str]] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    referred: bool = False

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
        if self.environ.get(name) or (name in self.environ and default is None):
            self.taken.add(self.environ[name])
            return self.environ[name]
        if default is None:
            near = nearest(name, self.environ)
            hint = f" (did you mean ${{{near}}}?)" if near else ""
            self.problems.append((f"${{{name}}} is not set", f"set {name}, or ${{{name}:-default}}{hint}"))
        return default or ""


def is_unicode(text: str) -> bool:
    """Return whether UTF-8 can hold the text, which has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
