"""YAML as plain values, each with the line that it is on.

Values are made from ruamel's nodes and never from tags; aliases are refused; depth and number are bounded.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml import error as yaml_error
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.events import AliasEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

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
    loader = YAML(typ="safe", pure=True)
    loader.Composer = _Composer
    document = Document(None, {(): f"{name}:1"}, [])
    breaks = [match.start() for match in re.finditer("\n", text)]

    def line(index: int) -> str:
        # Not the parser's own line: it counts U+2028 and the like as ends of lines, and no editor does.
        return f"{name}:{bisect_left(breaks, index) + 1}"

    try:
        root = loader.compose(text)
    except (yaml_error.YAMLError, ValueError) as error:
        index, wrong, right, path = _explain(error, text, loader.composer.path)
        raise ScenarioError([Problem(line(index), path, wrong, right)]) from None
    if root is not None:
        document.data = _value(root, (), document, line, loader.composer.refused)
    return document


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


# ------------------------------------------------------------------------------------------------------ nodes


class _BeyondBounds(yaml_error.YAMLError):
    """The rest of the file is not read: a large file of many small values parses slowly."""

    def __init__(self, index: int, wrong: str, right: str) -> None:
        super().__init__()
        self.explanation = index, wrong, right


class _Composer(Composer):
    """Composes nodes within the bounds. ``refused`` has the tag of each node that has one, "" for an alias.

    ``path`` leads to the value that is being composed, or where composing failed.
    """

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader)
        self.warn_double_anchors = False
        self.path: Path = ()
        self.refused: dict[int, str] = {}
        self._values = self._nested = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.parser.peek_event()
        outer, self._nested, self._values = self.path, self._nested + 1, self._values + 1
        if self._values > MAX_VALUES:
            wrong = f"has more than {MAX_VALUES:,} values"
            raise _BeyondBounds(event.start_mark.index, wrong, "fewer; long lists of prompts in a file")
        if self._nested > MAX_DEPTH and isinstance(event, CollectionStartEvent):
            wrong = f"is nested more than {MAX_DEPTH} deep"
            raise _BeyondBounds(event.start_mark.index, wrong, "a scenario is three or four levels deep")
        if index is not None:
            self.path = (*outer, index if isinstance(index, int) else str(index.value))
        if isinstance(event, AliasEvent):
            self.parser.get_event()
            node = ScalarNode("", "", event.start_mark, event.end_mark)
            self.refused[id(node)] = ""
        else:
            node = super().compose_node(parent, index)
            if event.tag is not None:
                self.refused[id(node)] = event.tag
        self._nested -= 1
        self.path = outer if parent is not None else ()
        return node


def _value(node: Any, path: Path, document: Document, line: Any, refused: dict[int, str]) -> Any:
    """Return the node as a plain value; add its places and problems to ``document``."""
    if id(node) in refused:
        if tag := refused[id(node)]:
            document.report(path, f"has the tag {tag}", "a plain value: tags construct nothing here")
        else:
            document.report(path, "is an alias", "the value itself: anchors and aliases are not followed")
        return BAD
    if isinstance(node, ScalarNode):
        return scalar(node.value) if node.style is None else node.value
    values: dict[Any, Any] = {}
    for key, mark, item in _items(node, refused):
        place, here = line(mark.index), (*path, key)
        if key is None:
            wrong = "has a key that is not text"
            document.problems.append(Problem(place, dotted(path), wrong, "a key such as  name:"))
        elif key in values:
            first = document.places[here].rpartition(":")[2]
            wrong = f"is there twice, first in line {first}"
            document.problems.append(Problem(place, dotted(here), wrong, "one of the two"))
        else:
            document.places[here] = place
            values[key] = _value(item, here, document, line, refused)
    return values if isinstance(node, MappingNode) else list(values.values())


def _items(node: Any, refused: dict[int, str]) -> Iterator[tuple[Any, Any, Any]]:
    """Yield key (``None``: not text), mark and value node."""
    if isinstance(node, SequenceNode):
        yield from ((at, item.start_mark, item) for at, item in enumerate(node.value))
        return
    for key, item in node.value:
        text = isinstance(key, ScalarNode) and id(key) not in refused
        yield key.value if text else None, key.start_mark, item


# ----------------------------------------------------------------------------------------------------- syntax

_KEY: Final = re.compile(r"[ \t-]*([A-Za-z_][\w-]*)[ \t]*:")
_BEYOND_UNICODE: Final = re.compile(r"\\U(?!0010|000)[0-9A-Fa-f]{8}")


def _explain(error: Exception, text: str, path: Path) -> tuple[int, str, str, str]:
    """Return the index of a syntax error, what is wrong, what would be right, and the key it belongs to."""
    if isinstance(error, _BeyondBounds):
        return *error.explanation, dotted(path)
    if isinstance(error, ComposerError):
        return error.problem_mark.index, "a second document begins", "one scenario in a file", "scenario"
    if isinstance(error, yaml_error.MarkedYAMLError):
        index, wrong, right = _explain_marked(error, text)
    elif isinstance(error, ValueError):  # from chr(): the parser trusts the digits
        escape = _BEYOND_UNICODE.search(text)
        index = escape.start() if escape else 0
        wrong, right = "YAML syntax: an escape that is no character", "the character itself"
    else:
        index = getattr(error, "position", 0)
        wrong, right = "YAML syntax: a control character", "printable text"
    begins = _KEY.match(text, text.rfind("\n", 0, index) + 1)
    return index, wrong, right, begins[1] if begins else dotted(path)


def _explain_marked(error: yaml_error.MarkedYAMLError, text: str) -> tuple[int, str, str]:
    mark = error.problem_mark or error.context_mark
    if error.context_mark and not text[mark.index :].strip():
        mark = error.context_mark  # what is not closed was opened there
    start = text.rfind("\n", 0, mark.index) + 1
    indent = re.compile(r"\s*").match(text, start)
    if (indent and "\t" in indent[0]) or "'\\t'" in (error.problem or ""):
        return mark.index, "a tab", "spaces for the indentation"
    context = f"{error.context}: " if error.context else ""
    right = "YAML: key: value, lists in [ ] or with - , text with special characters in quotes"
    return mark.index, f"YAML syntax: {context}{error.problem or 'not YAML'}", right
