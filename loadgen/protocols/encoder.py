"""Encode requests, and for the simulator the answers of an API."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from loadgen.model import Cell, Request, Usage

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))  # json.dumps would make one for each call
_QUOTED = re.compile(r"%([0-9A-Fa-f]{2})")
# What could end a script element or a line of JavaScript.
_ESCAPED_BY_GO = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def post(cell: Cell, path: str, accept: str, body: dict[str, Any]) -> Request:
    """Return the POST of ``body``, with the scenario's own fields merged into it, at its own path if it has one."""
    own = cell.workload.body
    merged = {key: value for key, value in {**body, **own}.items() if value is not None or key not in own}
    return at_own_path(cell, ask(cell, path, accept, merged))


def at_own_path(cell: Cell, request: Request) -> Request:
    """Return the request at the exact path that the target has, if it has one."""
    if not cell.path:
        return request
    exact, asks, query = cell.path.partition("?")
    url = urlsplit(request.url)
    exact = url._replace(path=exact, query=query if asks else url.query).geturl()
    return replace(request, url=normal(exact))


def ask(cell: Cell, path: str, accept: str, body: dict[str, Any] | None = None) -> Request:
    """Return a POST of ``body`` as it is, or a GET; ``path`` is added to the path of the target's URL."""
    target = urlsplit(cell.url)
    url = normal(target._replace(path=target.path.rstrip("/") + path).geturl())
    if body is None:
        return Request("GET", url, {"Accept": accept, **cell.headers}, b"")
    headers = {"Content-Type": "application/json", "Accept": accept, **cell.headers}
    return Request("POST", url, headers, json.dumps(body, ensure_ascii=False).encode())


def normal(url: str) -> str:
    """Return the URL in the one form in which every library leaves it: no unreserved character as ``%XX``."""
    return _QUOTED.sub(lambda match: _plain(chr(int(match[1], 16))), url)


def _plain(char: str) -> str:
    return char if char.isascii() and (char.isalnum() or char in "-._~") else f"%{ord(char):02X}"


def to_json(value: Any) -> bytes:
    """Encode as Go's encoding/json does; what is no Unicode becomes a question mark."""
    return _JSON.encode(value).translate(_ESCAPED_BY_GO).encode(errors="replace")


@dataclass(frozen=True, slots=True)
class Ending:
    """What the end of an answer reports; ``text`` is all of one that does not stream, or repeats it, else empty.

    ``stamp`` is the send time in RFC 3339, ``reason`` is ``stop`` or ``length``; an answer that is not ``done``
    stops short of its end.
    """

    usage: Usage
    stamp: bytes
    reason: str = "stop"
    context: Sequence[int] = ()
    text: str = ""
    done: bool = True


@dataclass(frozen=True)
class Encoder(ABC):
    """Encodes the answers of one API about one model. Equal encoders encode alike."""

    model: str

    content_type: ClassVar[bytes]  # of an answer that streams
    repeats_text: ClassVar[bool] = False  # the end of a stream has all of its text

    def opening(self) -> bytes:
        """Return what precedes the first token and is sent together with it."""
        return b""

    @abstractmethod
    def token(self, text: str, stamp: bytes) -> bytes:
        """Return the event of one token, with its send time where the API has one."""

    @abstractmethod
    def final(self, ending: Ending) -> bytes:
        """Return the last events."""

    @abstractmethod
    def whole(self, ending: Ending) -> bytes:
        """Return the body of an answer that does not stream."""

    @abstractmethod
    def error(self, message: str, status: int = 500) -> bytes:
        """Return the body of an answer that is an error."""

    def failure(self, message: str) -> bytes:
        """Return the event of an error inside the stream."""
        return self.event(self.error(message))

    @abstractmethod
    def event(self, body: bytes) -> bytes:
        """Return ``body``, JSON or not, as an event of the stream."""
