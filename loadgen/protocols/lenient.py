"""Read JSON as servers write it: only text, end and error may make it undecodable, all else may be odd."""

from __future__ import annotations

import json
import math
from typing import Any, TypeVar

import msgspec

from loadgen.model import Output
from loadgen.protocols.events import Undecodable
from loadgen.protocols.lines import excerpt

# What msgspec raises for JSON that does not fit: UnicodeDecodeError for bad UTF-8, RecursionError for deep nesting.
PARSE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_MAX = 1 << 62  # so that the difference of two numbers fits tables and frames
_TEXTS = ("text", "content", "thinking", "reasoning", "refusal", "summary", "transcript", "data")
_MAX_WORD = 64  # characters of a word of the server

T = TypeVar("T")


def convert(data: bytes, kind: type[T], error: Exception) -> T:
    """Return what msgspec refused with ``error``: half a surrogate pair, NaN, a huge number. Raises Undecodable."""
    try:
        return msgspec.convert(_loads(data), kind)
    except (ValueError, RecursionError):
        raise Undecodable(f"{error}: {excerpt(data)}") from None


def json_object(body: bytes) -> dict[str, Any]:
    """Return the object that a whole answer is. Raises Undecodable."""
    try:
        made: dict[str, Any] = msgspec.json.decode(body, type=dict)
    except PARSE_ERRORS as error:
        return convert(body, dict, error)
    return made


def mapping(value: Any) -> dict[str, Any]:
    """Return a mapping, or the one that JSON holds; an empty one where there is none."""
    if isinstance(value, bytes):
        try:
            value = _loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def is_json(data: bytes) -> bool:
    """Return whether the JSON is complete; what is nested too deep counts as such."""
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except RecursionError:
        pass
    except msgspec.DecodeError:
        try:
            _loads(data)
        except (ValueError, RecursionError):
            return False
    return True


def _loads(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except PARSE_ERRORS:
        return json.loads(data.decode("utf-8-sig"))


def count(value: Any) -> int | None:
    """Return a whole number; ``None`` where there is no such: it is not reported."""
    number = _number(value)
    return int(number) if number is not None and number == int(number) else None


def duration(value: Any, unit_ns: int = 1) -> int | None:
    """Return nanoseconds of a duration in units of so many; ``None`` where it is none, or 0: it is not reported."""
    number = _number(value, _MAX // unit_ns)
    return round(number * unit_ns) or None if number is not None else None


def word(value: Any) -> str:
    """Return a word of the server; empty where it is not reported."""
    return value[:_MAX_WORD].encode(errors="replace").decode() if isinstance(value, str) else ""


def _number(value: Any, most: int = _MAX) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value) if "." in value or "e" in value.lower() else int(value[:20])
        except ValueError:
            return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number and 0 <= value <= most else None


def has_text(value: Any) -> bool:
    """Return whether a text, or any of its parts, has a character. Raises Undecodable where it is no text."""
    if not value or isinstance(value, str):
        return bool(value)
    if isinstance(value, list):
        return any(map(has_text, value))
    if isinstance(value, dict):
        return any(has_text(value.get(key)) for key in _TEXTS)
    raise Undecodable(f"not a text: {excerpt(str(value).encode(errors='replace'))}")


def output(answer: Any, thinking: Any = None, tool_calls: Any = None, refusal: Any = None) -> Output | None:
    """Return the kind of output that an event carries, the first of :class:`Output` where there are several."""
    parts = answer if isinstance(answer, list) else []
    thoughts = [
        part for part in parts if isinstance(part, dict) and part.get("type") in ("thinking", "reasoning")
    ]
    if has_text([part for part in parts if part not in thoughts] if thoughts else answer):
        return Output.ANSWER
    if has_text(refusal):
        return Output.REFUSAL
    if tool_calls:
        return Output.TOOL_CALL
    return Output.THINKING if has_text(thinking) or has_text(thoughts) else None
