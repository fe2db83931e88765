"""JSON Pointers (RFC 6901): find a value in JSON, and make JSON in which it is found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
MAX_INDEX: Final = 99  # of an array that is made

Parts = tuple[tuple[str, int | None], ...]  # each also as the index that it may be


def is_pointer(text: str) -> bool:
    """Return whether a text is a JSON Pointer; "" is one, to the whole."""
    return _POINTER.fullmatch(text) is not None


def parts(pointer: str) -> Parts:
    """Return the parts of a valid pointer."""
    plain = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    return tuple((part, int(part) if re.fullmatch("0|[1-9][0-9]{0,8}", part) else None) for part in plain)


def find(value: Any, where: Parts) -> Any:
    """Return what is there; ``None`` where nothing is."""
    for name, index in where:
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and index is not None and index < len(value):
            value = value[index]
        else:
            return None
    return value


def made(values: Iterable[tuple[str, Any]]) -> Any:
    """Return JSON in which each pointer finds its value; what lies above another's value finds that."""
    whole: Any = None
    for pointer, value in sorted(values, key=lambda each: -each[0].count("/")):
        whole = _with(whole, parts(pointer), value)
    return whole


def _with(whole: Any, where: Parts, value: Any) -> Any:
    if not where:
        return value if whole is None else whole
    (name, index), *rest = where
    if index is not None and index <= MAX_INDEX and (whole is None or isinstance(whole, list)):
        listed = [*(whole or ()), *[None] * (index + 1 - len(whole or ()))]
        listed[index] = _with(listed[index], tuple(rest), value)
        return listed
    if whole is None or isinstance(whole, dict):
        known = whole or {}
        return {**known, name: _with(known.get(name), tuple(rest), value)}
    return whole
