"""``${NAME}`` and ``${NAME:-default}`` in text values (``$$`` is a dollar sign), and which values are secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from loadgen.scenario.problems import Path, nearest
from loadgen.scenario.source import BAD, Document, Plain, at, is_unicode, scalar, with_leaves
from loadgen.secrets import is_secret_name, keys_in, of_header, of_url

_REFERENCE: Final = re.compile(
    r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|(?P<bad>\{))"
)
# Where a value may be secret. All other keys hold numbers, or words that every table shows.
_MAY_BE_SECRET: Final[set[Path]] = {
    ("target", "url"),
    ("target", "path"),
    ("target", "metrics"),
    ("target", "headers"),
    ("prompts",),
    ("options",),
    ("body",),
    ("request",),
}


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
        known = len(document.problems)

        def replace(match: re.Match[str]) -> str:
            name, default = match["name"], match["default"]
            if match["dollar"]:
                return "$"
            if name is None:
                right = "${NAME} or ${NAME:-default}, or $${ for the text itself"
                document.report(path, "has a ${ that is not a reference", right)
                return ""
            if found := environ.get(name):
                taken.setdefault(path, set()).add(found)
                return found
            # As in a shell, :- replaces an empty value too.
            if default is None and name not in environ:
                near = nearest(name, environ)
                hint = f" (did you mean ${{{near}}}?)" if near else ""
                right = f"set {name}, or ${{{name}:-default}}{hint}"
                document.report(path, f"${{{name}}} is not set", right)
            return default or ""

        whole = _REFERENCE.sub(replace, value)
        if len(document.problems) > known:
            return BAD
        if not is_unicode(whole):
            document.report(path, "is not Unicode text", "text in UTF-8")
            return BAD
        if any(match["name"] for match in _REFERENCE.finditer(value)):
            return (FilledPlain if isinstance(value, Plain) else Filled)(whole)
        return whole

    document.data = with_leaves(document.data, filled)
    return taken


def _key(path: Path) -> str:
    """Return the key that a value, or the list that holds it, stands at."""
    return next(part for part in reversed(path) if isinstance(part, str))


def credentials(data: Any) -> set[str]:
    """Return the secrets that the file itself holds, whether or not it is valid."""
    found: set[str] = set()

    def look(value: Any, path: Path) -> None:
        if not isinstance(value, str):
            return
        found.update(keys_in(value))
        if path[:2] in (("target", "headers"), ("request", "headers")) and len(path) == 3:
            found.update(of_header(str(path[2]), str(value)))
        elif path[:2] in (("target", "url"), ("target", "path"), ("target", "metrics"), ("request", "path")):
            with suppress(ValueError):
                found.update(of_url(str(value)))
        elif path[:1] in (("options",), ("body",), ("request",)) and is_secret_name(_key(path)):
            found.add(str(value))

    with_leaves(data, look)
    return found - {""}


def secrets(data: Any, taken: Mapping[Path, set[str]]) -> set[str]:
    """Return the credentials, and the values from the environment that became text where a secret may be."""
    found = credentials(data)
    for path, values in taken.items():
        value = at(data, path)[1]
        is_number = isinstance(value, FilledPlain) and not isinstance(meaning(value), str)
        may_be = bool({path[:1], path[:2]} & _MAY_BE_SECRET)
        is_own = path[0] in ("options", "body", "request") or path[:2] == ("prompts", "synthetic")
        if may_be and not (is_own and is_number):
            url = str(value) if path[:2] in (("target", "url"), ("target", "metrics")) else ""
            found |= {each for each in values if not (url and _is_address(each, url))}
    return found


def _is_address(value: str, url: str) -> bool:
    """Return whether a value is the address in ``url``, which is shown, and no credential of it.

    A whole URL is an address; the credentials in it are found by themselves.
    """
    address = urlsplit(url).netloc.rpartition("@")[2] if "://" in url else ""
    return "://" in value or (value in address and value not in url.replace(address, "", 1))
