"""Which values of a scenario are secret: they are used, and shown nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from loadgen.scenario.environment import FilledPlain, meaning
from loadgen.scenario.problems import Path
from loadgen.scenario.validate import at
from loadgen.secrets import of_header, of_url

# All other keys hold numbers, or words that every table shows.
_MAY_BE_SECRET: Final[tuple[Path, ...]] = (
    ("target", "url"),
    ("target", "headers"),
    ("prompts",),
    ("options",),
)


def credentials(data: Any) -> set[str]:
    """Return the secrets in the headers and the URL, whether or not those are valid."""
    target = data.get("target")
    if not isinstance(target, dict):
        return set()
    found: set[str] = set()
    headers, url = target.get("headers"), target.get("url")
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if isinstance(value, str):
            found |= of_header(name, str(value))
    if isinstance(url, str):
        try:
            found |= of_url(str(url))
        except ValueError:
            return found
    return found


def from_environment(data: Any, taken: Mapping[Path, set[str]]) -> set[str]:
    """Return the values from the environment that became text where a secret may be."""
    found: set[str] = set()
    for path, values in taken.items():
        value = at(data, path)[1]
        is_number = isinstance(value, FilledPlain) and not isinstance(meaning(value), str)
        may_be = any(path[: len(place)] == place for place in _MAY_BE_SECRET)
        if may_be and not (path[0] == "options" and is_number):
            url = str(value) if path == ("target", "url") else ""
            found |= {each for each in values if not (url and _is_address(each, url))}
    return found


def _is_address(value: str, url: str) -> bool:
    """Return whether a value is the address in ``url``, which is shown, and no credential of it.

    A whole URL is an address; the credentials in it are found by themselves.
    """
    address = urlsplit(url).netloc.rpartition("@")[2] if "://" in url else ""
    return "://" in value or (value in address and value not in url.replace(address, "", 1))
