"""YAML as plain values, each with the line that it is on.

Values are made from ruamel's events and never from tags; aliases are refused; depth and number are bounded.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Final

from ruamel.yaml import YAML, events
from ruamel.yaml import error as yaml_error

from loadgen.scenario.problems import Path, Problem, ScenarioError, dotted

MAX_DEPTH: Final = 20
MAX_VALUES: Final = 20_000

BAD: Final = object()  # stands for a value whose problem is already reported


class Plain(str):
    """Text without quotes that holds a ``$``: its type is known when the environment is filled in."""

    __slots__ = ()


@dataclass
class Document:
    """A file as plain values: ``data``, where each path is (``places``), and the ``problems`` found so far."""

    data: Any
    places: dict[Path, str]
    problems: list[Problem]
    folder: FilePath = FilePath()

    def place(self, path: Path) -> str:
        """Return where ``path`` is, or the nearest value around it."""
        while path not in self.places:
            path = path[:-1]
        return self.places[path]

    def report(self, path: Path, wrong: str, right: str) -> None:
        """Add a problem with the value at ``path``."""
        self.problems.append(Problem(self.place(path), dotted(path), wrong, right))


def parse(name: str, text: str) -> Document:
    """Return the values in ``text``; problems call it ``name``. Raises ScenarioError for bad syntax."""
    reader = _Reader(name, text)
    try:
        reader.read_documents()
    except (yaml_error.YAMLError, ValueError) as error:
        index, wrong, right = _explain(error, text)
        begins = _KEY.match(text, text.rfind("\n", 0, index) + 1)
        raise reader.error(index, wrong, right, begins[1] if begins else None) from None
    return reader.document


def scalar(text: str) -> Any:
    """Return what a value without quotes means (YAML 1.2 core schema)."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) or text.lower() in _NOT_FINITE:
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return Plain(text) if "$" in text else text


def kind(value: Any) -> str:
    """Return the type of a value in words; the value itself may be secret."""
    return next((word for types, word in _KINDS if isinstance(value, types)), "empty")


def with_leaves(value: Any, leaf: Callable[[Any, Path], Any], path: Path = ()) -> Any:
    """Return ``value`` with ``leaf(each, its path)`` in place of each value that is no list or mapping."""
    if isinstance(value, dict):
        return {key: with_leaves(inner, leaf, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_leaves(inner, leaf, (*path, at)) for at, inner in enumerate(value)]
    return leaf(value, path)


def at(data: Any, path: Path) -> tuple[Path, Any]:
    """Return as much of ``path`` as there is in ``data``, and the value there."""
    for depth, part in enumerate(path):
        known = part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        if not known:
            return path[:depth], data
        data = data[part]
    return path, data


_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,30}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = {".nan", ".inf", "-.inf", "+.inf"}
_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a mapping"),
)


# ----------------------------------------------------------------------------------------------------- reading


class _Reader:
    """Fills ``document`` from the text. ``path`` leads to the value that is being read, or where reading failed."""

    def __init__(self, name: str, text: str) -> None:
        self.document = Document(None, {(): f"{name}:1"}, [])
        self.path: Path = ()
        self._name = name
        self._breaks = [match.start() for match in re.finditer("\n", text)]
        self._events = YAML(typ="safe", pure=True).parse(text)
        self._values = 0

    def line(self, index: int) -> str:
        # Not the parser's own line: it counts U+2028 and the like as ends of lines, and no editor does.
        return f"{self._name}:{bisect_left(self._breaks, index) + 1}"

    def error(self, index: int, wrong: str, right: str, key: str | None = None) -> ScenarioError:
        return ScenarioError([Problem(self.line(index), key or dotted(self.path), wrong, right)])

    def read_documents(self) -> None:
        for event in self._events:
            if isinstance(event, events.DocumentStartEvent) and self._values:
                index = event.start_mark.index
                raise self.error(index, "a second document begins", "one scenario in a file")
            if isinstance(event, events.NodeEvent):
                self.document.data = self._value(event, ())

    def _value(self, event: Any, path: Path) -> Any:
        self._values += 1
        # The rest of the file is not read: a large file of many small values parses slowly.
        index = event.start_mark.index
        if self._values > MAX_VALUES:
            right = "fewer; long lists of prompts in a file"
            raise self.error(index, f"has more than {MAX_VALUES:,} values", right)
        if len(path) >= MAX_DEPTH and isinstance(event, events.CollectionStartEvent):
            right = "a scenario is three or four levels deep"
            raise self.error(index, f"is nested more than {MAX_DEPTH} deep", right)
        self.path = path
        value: Any = BAD
        if isinstance(event, events.AliasEvent):
            right = "the value itself: anchors and aliases are not followed"
            self.document.report(path, "is an alias", right)
        elif isinstance(event, events.ScalarEvent):
            value = scalar(event.value) if event.style is None else event.value
        elif isinstance(event, events.SequenceStartEvent):
            value = []
            while not isinstance(item := next(self._events), events.SequenceEndEvent):
                here = (*path, len(value))
                self.document.places[here] = self.line(item.start_mark.index)
                value.append(self._value(item, here))
        else:
            value = {}
            while not isinstance(key := next(self._events), events.MappingEndEvent):
                self._pair(key, path, value)
        if getattr(event, "tag", None) is not None:
            right = "a plain value: tags construct nothing here"
            self.document.report(path, f"has the tag {event.tag}", right)
            value = BAD
        self.path = path[:-1]
        return value

    def _pair(self, key: Any, path: Path, values: dict[str, Any]) -> None:
        place, skipped = self.line(key.start_mark.index), (*path, "?")
        is_text = isinstance(key, events.ScalarEvent) and key.tag is None and is_unicode(key.value)
        here = (*path, key.value) if is_text else path
        if is_text and key.value not in values:
            self.document.places[here] = place
            values[key.value] = self._value(next(self._events), here)
            return
        wrong, right = "has a key that is not text", "a key such as  name:"
        if is_text:
            wrong = f"is there twice, first in line {self.document.places[here].rpartition(':')[2]}"
            right = "one of the two"
        else:
            self._value(key, skipped)
        self.document.problems.append(Problem(place, dotted(here), wrong, right))
        self._value(next(self._events), skipped)


def is_unicode(text: str) -> bool:
    """Return whether UTF-8 can hold the text, which has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# ----------------------------------------------------------------------------------------------------- syntax

_KEY: Final = re.compile(r"[ \t-]*([A-Za-z_][\w-]*)[ \t]*:")
_BLANK: Final = re.compile(r"\s*")
_BEYOND_UNICODE: Final = re.compile(r"\\U(?!0010|000)[0-9A-Fa-f]{8}")


def _explain(error: Exception, text: str) -> tuple[int, str, str]:
    """Return the index of a syntax error, what is wrong, and what would be right."""
    if isinstance(error, ValueError):  # from chr(): the parser trusts the digits
        escape = _BEYOND_UNICODE.search(text)
        index = escape.start() if escape else 0
        return index, "YAML syntax: an escape that is no character", "the character itself"
    if not isinstance(error, yaml_error.MarkedYAMLError):
        return getattr(error, "position", 0), "YAML syntax: a control character", "printable text"
    mark = error.problem_mark or error.context_mark
    if error.context_mark and not text[mark.index :].strip():
        mark = error.context_mark  # what is not closed was opened there
    indent = _BLANK.match(text, text.rfind("\n", 0, mark.index) + 1)
    if (indent and "\t" in indent[0]) or "'\\t'" in (error.problem or ""):
        return mark.index, "a tab", "spaces for the indentation"
    context = f"{error.context}: " if error.context else ""
    right = "YAML: key: value, lists in [ ] or with - , text with special characters in quotes"
    return mark.index, f"YAML syntax: {context}{error.problem or 'not YAML'}", right
