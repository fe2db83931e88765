"""Requests as a scenario describes them, with ``{prompt}`` and ``{model}`` filled in; no other I/O than their file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from loadgen.model import Cell, Prompt, Request, Template
from loadgen.protocols.encoder import at_own_path, normal

PLACEHOLDERS: Final = ("prompt", "model")
_PART: Final = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PRINTABLE: Final = "".join(chr(code) for code in range(32, 127) if chr(code) != "%")

Escape = Callable[[str], str]


def request(cell: Cell, prompt: Prompt, accept: str) -> Request:
    """Return the request of the cell's template."""
    template, values = cell.workload.request, {"prompt": prompt.text, "model": cell.workload.model}
    headers = {
        name: fill(value, values, lambda text: quote(text, safe=_PRINTABLE))
        for name, value in template.headers.items()
    }
    kind, body = content(template, values)
    own = {name.lower() for name in (*headers, *cell.headers)}
    defaults = {"Content-Type": kind, "Accept": accept}
    first = {name: value for name, value in defaults.items() if value and name.lower() not in own}
    url = _url(cell.url, fill(template.path, values, lambda text: quote(text, safe="")))
    return at_own_path(cell, Request(template.method, url, {**first, **cell.headers, **headers}, body))


def content(template: Template, values: Mapping[str, str]) -> tuple[str, bytes]:
    """Return the type of the body, "" without one, and the body."""
    if template.file:
        return "application/octet-stream", _file(template.file)
    if template.json is not None:
        filled = _filled(template.json, values)
        return "application/json", json.dumps(filled, ensure_ascii=False).encode()
    if template.text is not None:
        kind = text_type(template)
        return kind, fill(template.text, values, _escape(kind)).encode()
    return "", b""


def text_type(template: Template) -> str:
    """Return the type of a text: what its header says; without that JSON where it begins so."""
    for name, value in template.headers.items():
        if name.lower() == "content-type":
            return value
    text = (template.text or "").lstrip()
    begins_filled = (match := _PART.match(text)) is not None and match[1]
    is_like_json = text[:1] in ("{", "[") and not begins_filled
    return "application/json" if is_like_json else "text/plain; charset=utf-8"


def is_json(kind: str) -> bool:
    """Return whether a type is that of JSON."""
    kind = kind.partition(";")[0].strip().lower()
    return kind.endswith(("/json", "+json"))


def fill(text: str, values: Mapping[str, str], escape: Escape = str) -> str:
    """Return the text with its placeholders filled in, and single braces in place of double ones."""
    return _PART.sub(lambda match: escape(values[match[1]]) if match[1] else match[0][0], text)


def placeholders(text: str) -> Iterator[str]:
    """Yield the names in the placeholders of a text, known or not."""
    yield from (match[1] for match in _PART.finditer(text) if match[1])


def texts(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the texts in JSON that are filled in, each with its path."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from texts(each, (*at, key))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from texts(each, (*at, place))


def all_texts(template: Template) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every text of a template that is filled in, each with its path in the template."""
    yield ("path",), template.path
    yield from texts(template.headers, ("headers",))
    yield ("text",), template.text or ""
    yield from texts(template.json, ("json",))


def takes(template: Template, name: str) -> bool:
    """Return whether the request has that placeholder."""
    return any(name in placeholders(text) for _, text in all_texts(template))


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return fill(value, values)
    if isinstance(value, Mapping):
        return {key: _filled(each, values) for key, each in value.items()}
    return [_filled(each, values) for each in value] if isinstance(value, list) else value


def _escape(kind: str) -> Escape:
    if is_json(kind):
        return lambda text: json.dumps(text, ensure_ascii=False)[1:-1]
    if kind.lower().startswith("application/x-www-form-urlencoded"):
        return lambda text: quote(text, safe="")
    return str


def _url(target: str, path: str) -> str:
    """Return the target's URL with the path, and its query, added."""
    if not path:
        return normal(target)
    base = urlsplit(target)
    path, _, query = path.partition("?")
    whole = base._replace(
        path=base.path.rstrip("/") + path, query="&".join(each for each in (base.query, query) if each)
    )
    return normal(whole.geturl())


@cache
def _file(path: str) -> bytes:
    return Path(path).read_bytes()
