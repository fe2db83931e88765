"""A YAML file as plain values, each with the line it stands in.

Values are made from the parser's events and never from tags; aliases are refused, depth and number bounded.
"""

from __future__ import annotations

import os
import re
import stat
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Final, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml import error as yaml_error
from ruamel.yaml import events as yaml_events

from loadgen.scenario.problems import Path, Problem, ScenarioError, choose, nearest, pause

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 20
MAX_VALUES: Final = 20_000

BAD: Final = object()  # stands for a value that is already told as a problem


class Plain(str):
    """Text without quotes that holds a ``$``: what it means is known when the environment is filled in."""

    __slots__ = ()


@dataclass
class Document:
    """``data`` as plain values; ``places`` says where each path stands; ``problems`` found so far."""

    data: Any
    places: dict[Path, str]
    problems: list[Problem]
    folder: FilePath = FilePath()

    def place(self, path: Path) -> str:
        """Where ``path`` stands, or the nearest thing around it."""
        while path not in self.places:
            path = path[:-1]
        return self.places[path]

    def report(self, path: Path, wrong: str, right: str) -> None:
        self.problems.append(Problem(self.place(path), pause(path), wrong, right))


def read_text(path: FilePath, limit: int, where: str, key: str, suffixes: tuple[str, ...]) -> tuple[str, int]:
    """The text of a UTF-8 file of at most ``limit`` bytes, and the line of its first bad byte (0: none).

    Raises ScenarioError for a file that is not there or not such a file; its content is then not read.
    """

    def refuse(wrong: str, right: str) -> ScenarioError:
        return ScenarioError([Problem(where, key, wrong, right)])

    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise refuse("is a folder", f"a file that ends in {' or '.join(suffixes)}")
        if not stat.S_ISREG(found.st_mode):
            raise refuse("is not a regular file", "a file on disk")
        if found.st_size > limit:
            raise refuse(f"has {found.st_size:,} bytes", f"at most {limit:,} bytes")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise refuse("there is no such file", _beside(path, suffixes)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise refuse(f"cannot be read: {reason}", "a file that can be read") from None
    if len(content) > limit:
        raise refuse(f"has more than {limit:,} bytes", f"at most {limit:,} bytes")
    try:
        return content.decode("utf-8-sig"), 0
    except UnicodeDecodeError as error:
        return "", content.count(b"\n", 0, error.start) + 1


def read(path: str | os.PathLike[str]) -> Document:
    """The YAML file at ``path``. Raises ScenarioError where there is nothing to validate."""
    file = FilePath(path)
    name = str(path)
    text, bad = read_text(file, MAX_BYTES, name, "scenario", (".yaml", ".yml"))
    if bad:
        raise ScenarioError(
            [Problem(f"{name}:{bad}", "scenario", "is not UTF-8 text", "a YAML file in UTF-8")]
        )
    document = parse(name, text)
    document.folder = file.parent
    if not isinstance(document.data, dict):
        if document.data is not BAD:
            wrong = "is empty" if document.data is None else f"is {kind(document.data)} and not a mapping"
            document.report((), wrong, "keys and values, such as  name: smoke")
        raise ScenarioError(document.problems)
    return document


def parse(name: str, text: str) -> Document:
    """The values in ``text``; ``name`` is what problems call it. Raises ScenarioError for bad syntax."""
    builder = _Builder(name, text)
    return Document(builder.build(), builder.places, builder.problems)


def scalar(text: str) -> Any:
    """What a value without quotes means (YAML 1.2 core schema)."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) or text.lower() in _NOT_FINITE:
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return Plain(text) if "$" in text else text


def kind(value: Any) -> str:
    """What sort of value it is, in a word that may be shown: the value itself may be secret."""
    for types, word in _KINDS:
        if isinstance(value, types):
            return word
    return "empty"


_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,30}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_KEY: Final = re.compile(r"[ \t-]*([A-Za-z_][\w-]*)[ \t]*:")
_BEYOND_UNICODE: Final = re.compile(r"\\U(?!0010|000)[0-9A-Fa-f]{8}")
_NOT_FINITE: Final = {".nan", ".inf", "-.inf", "+.inf"}
_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a mapping"),
)


class _Stop(Exception):
    """The rest of the file is not worth reading."""


class _Builder:
    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.problems: list[Problem] = []
        self.places: dict[Path, str] = {(): f"{name}:1"}
        self._values = 0
        self._path: Path = ()
        self._breaks = [at for at, character in enumerate(text) if character == "\n"]

    def problem(self, line: int, key: str, wrong: str, right: str) -> None:
        self.problems.append(Problem(f"{self.name}:{line + 1}", key, wrong, right))

    def build(self) -> Any:
        try:
            with self._syntax():
                return self._document(self._events())
        except _Stop:
            raise ScenarioError(self.problems) from None

    def _events(self) -> Iterator[Any]:
        # A large file of many small values parses slowly: stop at the bound, before it is parsed to its end.
        depth = 0
        for event in YAML(typ="safe", pure=True).parse(self.text):
            self._values += isinstance(event, yaml_events.NodeEvent)
            depth += isinstance(event, yaml_events.CollectionStartEvent)
            depth -= isinstance(event, yaml_events.CollectionEndEvent)
            if self._values > MAX_VALUES:
                self._stop(
                    event, f"has more than {MAX_VALUES:,} values", "fewer; long lists of prompts in a file"
                )
            if depth > MAX_DEPTH:
                self._stop(
                    event, f"is nested more than {MAX_DEPTH} deep", "a scenario is three or four levels deep"
                )
            yield event

    def _stop(self, event: Any, wrong: str, right: str) -> None:
        self.problem(self._line(event.start_mark.index), pause(self._path), wrong, right)
        raise _Stop

    @contextmanager
    def _syntax(self) -> Iterator[None]:
        try:
            yield
        except yaml_error.MarkedYAMLError as error:
            self._unmarked(*self._explain(error))
        except ValueError:  # from chr(): the parser trusts the digits
            escape = _BEYOND_UNICODE.search(self.text)
            at = escape.start() if escape else 0
            self._unmarked(at, "YAML syntax: an escape that is no character", "the character itself")
        except yaml_error.YAMLError as error:
            at = getattr(error, "position", 0)
            self._unmarked(at, "YAML syntax: a control character", "printable text")

    def _explain(self, error: yaml_error.MarkedYAMLError) -> tuple[int, str, str]:
        mark = error.problem_mark or error.context_mark
        if error.context_mark and not self.text[mark.index :].strip():
            mark = error.context_mark  # what is not closed was opened there
        start = self.text.rfind("\n", 0, mark.index) + 1
        indent = re.compile(r"\s*").match(self.text, start)
        if (indent and "\t" in indent[0]) or "'\\t'" in (error.problem or ""):
            return mark.index, "a tab", "spaces for the indentation"
        context = f"{error.context}: " if error.context else ""
        right = "YAML: key: value, lists in [ ] or with - , text with special characters in quotes"
        return mark.index, f"YAML syntax: {context}{error.problem or 'not YAML'}", right

    def _unmarked(self, index: int, wrong: str, right: str) -> NoReturn:
        """A mistake at a place that belongs to no value; the key is the one that its line begins with."""
        line = self._line(index)
        begins = _KEY.match(self.text, self.text.rfind("\n", 0, index) + 1)
        self.problem(line, begins[1] if begins else pause(self._path), wrong, right)
        raise _Stop

    def _line(self, index: int) -> int:
        # Not the parser's own line, which counts U+2028 and the like as ends of lines and no editor does.
        return bisect_left(self._breaks, index)

    def _document(self, events: Iterator[Any]) -> Any:
        data: Any = None
        documents = 0
        for event in events:
            if isinstance(event, yaml_events.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._stop(event, "a second document begins", "one scenario in a file")
            elif isinstance(event, yaml_events.NodeEvent):
                data = self._value(event, events, ())
                self._path = ()
        return data

    def _value(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        self._path = path
        line = self._line(event.start_mark.index)
        if isinstance(event, yaml_events.AliasEvent):
            self.problem(
                line, pause(path), "is an alias", "the value itself: anchors and aliases are not followed"
            )
            return BAD
        value: Any
        if isinstance(event, yaml_events.ScalarEvent):
            value = scalar(event.value) if event.style is None else event.value
        elif isinstance(event, yaml_events.SequenceStartEvent):
            value = self._list(events, path)
        else:
            value = self._mapping(events, path)
        if event.tag is not None:
            self.problem(
                line, pause(path), f"has the tag {event.tag}", "a plain value: tags construct nothing here"
            )
            return BAD
        return value

    def _list(self, events: Iterator[Any], path: Path) -> list[Any]:
        values: list[Any] = []
        for event in events:
            if isinstance(event, yaml_events.SequenceEndEvent):
                break
            here = (*path, len(values))
            self.places.setdefault(here, f"{self.name}:{self._line(event.start_mark.index) + 1}")
            values.append(self._value(event, events, here))
        return values

    def _mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml_events.MappingEndEvent):
                break
            line = self._line(event.start_mark.index)
            key = event.value if isinstance(event, yaml_events.ScalarEvent) and event.tag is None else None
            if key is None:
                self.problem(line, pause(path), "has a key that is not text", "a key such as  name:")
                self._value(event, events, (*path, "?"))
                self._value(next(events), events, (*path, "?"))
                continue
            here = (*path, key)
            if key in values:
                first = self.places[here].rpartition(":")[2]
                self.problem(line, pause(here), f"is there twice, first in line {first}", "one of the two")
                self._value(next(events), events, here)
                continue
            self.places.setdefault(here, f"{self.name}:{line + 1}")
            values[key] = self._value(next(events), events, here)
            self._path = here
        return values


def _beside(path: FilePath, suffixes: tuple[str, ...]) -> str:
    try:
        there = sorted(file.name for file in path.parent.iterdir() if file.suffix in suffixes)
    except (OSError, ValueError):
        there = []
    near = nearest(path.name, there)
    if near:
        return f"did you mean {path.parent / near}?"
    return (
        choose(path.name, there) if 0 < len(there) <= 10 else f"a file that ends in {' or '.join(suffixes)}"
    )
