"""HTTP/1.1 on the server's side: requests from bytes (httptools)."""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeVar

import httptools
import msgspec

T = TypeVar("T")

HEAD_LIMIT: Final = 64 << 10
BODY_LIMIT: Final = 64 << 20

JSON: Final = b"application/json; charset=utf-8"
TEXT: Final = b"text/plain"
_ONCE: Final = ("host", "transfer-encoding", "content-length")


class HttpError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Request:
    """One request; header names are in lower case."""

    method: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    chunked: bool = True  # whether the answer may be chunked: HTTP/1.1
    keep_alive: bool = True
    body: bytearray = field(default_factory=bytearray)

    def json(self, kind: type[T]) -> T:
        """Return the body, which is JSON of that type. Raises HttpError."""
        if not self.body:
            raise HttpError(400, "missing request body")
        try:
            text = self.body.decode(json.detect_encoding(self.body), "surrogatepass")
            return msgspec.convert(_JSON.decode(text), kind)
        except (ValueError, RecursionError) as error:
            raise HttpError(400, f"invalid request: {error}") from None


def _number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


_JSON: Final = json.JSONDecoder(parse_float=_number)  # json.loads would make one for each request


def path_of(target: str) -> str:
    """Return the path of a request's target. Raises HttpError."""
    try:
        return (httptools.parse_url(target.encode("latin-1")).path or b"/").decode("latin-1")
    except httptools.HttpParserInvalidURLError:
        raise HttpError(400, "invalid request target") from None


def date() -> bytes:
    """Return the time as the header ``Date`` has it."""
    return _date(int(time.time()))


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(second)).encode()


def _without_offer(request: Request) -> bytes:
    """Return the head of a request without its offer to upgrade, after which httptools reads no body."""
    headers = {key: text for key, text in request.headers.items() if key not in ("upgrade", "connection")}
    lines = [f"{request.method} {request.path} HTTP/1.{int(request.chunked)}"]
    lines += [f"{key}: {text}" for key, text in headers.items()]
    if not request.keep_alive:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Parser:
    """Parse requests incrementally; pipelined ones wait for :meth:`next`.

    ``buffered`` counts the bytes of requests that were not taken yet. ``wants_continue``: the client waits for
    ``100 Continue`` before it sends the body.
    """

    __slots__ = ("_failure", "_head_size", "_parser", "_ready", "_request", "buffered", "wants_continue")

    def __init__(self) -> None:
        self._ready: deque[Request] = deque()
        self._request = Request()
        self._failure: HttpError | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._head_size: int | None = 0  # None: the head is complete
        self.buffered = 0
        self.wants_continue = False

    def feed(self, data: bytes) -> None:
        """Parse what the socket returned."""
        self.buffered += len(data)
        if self._failure is not None:
            return
        if self._head_size is not None:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:  # an offer that is not taken: the request stands
            self._parser = httptools.HttpRequestParser(self)
            self.buffered -= len(data) - upgrade.args[0]
            self.feed(_without_offer(self._ready.pop()) + data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._failure = cause if isinstance(cause, HttpError) else HttpError(400, str(error).lower())
        if self._failure is None and self._head_size is not None and self._head_size > HEAD_LIMIT:
            self._failure = HttpError(431, "request header fields too large")

    def next(self) -> Request | None:
        """Take the next whole request; ``None`` until more bytes have come.

        Raises HttpError for bytes that are no request; the connection can only be closed then.
        """
        if self._ready:
            request = self._ready.popleft()
            if not self._ready and self._head_size == 0:
                self.buffered = 0
            return request
        if self._failure is not None:
            raise self._failure
        return None

    def close(self) -> None:
        """Let go of httptools' parser: it refers to this one, and the simulator runs without the cycle collector."""
        del self._parser

    # -- called by httptools

    def on_message_begin(self) -> None:
        self._request = Request()

    def on_url(self, url: bytes) -> None:
        self._request.path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        headers, key, text = self._request.headers, name.decode().lower(), value.decode("latin-1")
        if key in headers and key in _ONCE:
            raise HttpError(400, f"{key} given twice")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        request, parser = self._request, self._parser
        version = parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise HttpError(505, "unsupported protocol version")
        request.chunked = version == "1.1"
        if request.chunked and "host" not in request.headers:
            raise HttpError(400, "missing required Host header")
        if sum(len(key) + len(value) for key, value in request.headers.items()) > HEAD_LIMIT:
            raise HttpError(431, "request header fields too large")
        if int(request.headers.get("content-length", "0")) > BODY_LIMIT:
            raise HttpError(413, "request body too large")
        request.method = parser.get_method().decode()
        request.keep_alive = parser.should_keep_alive()
        request.path = path_of(request.path)
        self._head_size = None
        self.wants_continue = "100-continue" in request.headers.get("expect", "").lower()

    def on_body(self, data: bytes) -> None:
        self._request.body += data
        if len(self._request.body) > BODY_LIMIT:
            raise HttpError(413, "request body too large")

    def on_message_complete(self) -> None:
        self._ready.append(self._request)
        self._head_size = 0
        self.wants_continue = False
