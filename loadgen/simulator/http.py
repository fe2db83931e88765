"""HTTP/1.1 on the server's side: requests from bytes (httptools), and answers to bytes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import httptools

HEAD_LIMIT: Final = 64 << 10
BODY_LIMIT: Final = 64 << 20

JSON: Final = b"application/json; charset=utf-8"
NDJSON: Final = b"application/x-ndjson"
TEXT: Final = b"text/plain"
_ONCE: Final = ("host", "transfer-encoding", "content-length")


class BadRequest(Exception):
    """Bytes that are no request; the connection can only be closed after ``status``."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
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


class Parser:
    """Incremental: the same requests, however the bytes are cut. Those that are pipelined wait for :meth:`next`.

    ``buffered`` are bytes of requests that were not taken yet. ``wants_continue``: the client waits for
    ``100 Continue`` before it sends the body.
    """

    __slots__ = (
        "_failure", "_fields_size", "_head_size", "_parser", "_ready", "_request", "_target", "buffered",
        "wants_continue",
    )  # fmt: skip

    def __init__(self) -> None:
        self._ready: deque[Request] = deque()
        self._request = Request()
        self._failure: BadRequest | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._head_size: int | None = 0  # None: the head is complete
        self._fields_size = 0
        self._target = b""
        self.buffered = 0
        self.wants_continue = False

    def feed(self, data: bytes) -> None:
        """Take what the socket gave."""
        self.buffered += len(data)
        if self._head_size is not None:
            self._head_size += len(data)
        try:
            if self._failure is None:
                self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:  # an offer that is not taken: the request stands
            self._parser = httptools.HttpRequestParser(self)
            self.buffered -= len(data) - upgrade.args[0]
            self.feed(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._failure = cause if isinstance(cause, BadRequest) else BadRequest(400, str(error).lower())
        if self._failure is None and self._head_size is not None and self._head_size > HEAD_LIMIT:
            self._failure = BadRequest(431, "request header fields too large")

    def next(self) -> Request | None:
        """Return the next whole request, or ``None`` until more bytes have come. Raises BadRequest."""
        if self._ready:
            request = self._ready.popleft()
            if not self._ready and self._head_size == 0:
                self.buffered = 0
            return request
        if self._failure is not None:
            raise self._failure
        return None

    # -- called by httptools

    def on_message_begin(self) -> None:
        self._request, self._target, self._fields_size = Request(), b"", 0

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields_size += len(name) + len(value)
        if self._fields_size > HEAD_LIMIT:
            raise BadRequest(431, "request header fields too large")
        headers, key, text = self._request.headers, name.decode().lower(), value.decode("latin-1")
        if key in headers and key in _ONCE:
            raise BadRequest(400, f"{key} given twice")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        request, parser = self._request, self._parser
        version = parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise BadRequest(505, "unsupported protocol version")
        request.chunked = version == "1.1"
        if request.chunked and "host" not in request.headers:
            raise BadRequest(400, "missing required Host header")
        length = request.headers.get("content-length", "0")
        if int(length) > BODY_LIMIT:
            raise BadRequest(413, "request body too large")
        request.method = parser.get_method().decode()
        request.keep_alive = parser.should_keep_alive()
        path = self._target.decode("latin-1")
        if "://" in path:
            path = "/" + path.split("://", 1)[1].partition("/")[2]
        request.path = path.partition("?")[0]
        self._head_size = None
        self.wants_continue = "100-continue" in request.headers.get("expect", "").lower()

    def on_body(self, data: bytes) -> None:
        self._request.body += data
        if len(self._request.body) > BODY_LIMIT:
            raise BadRequest(413, "request body too large")

    def on_message_complete(self) -> None:
        self._ready.append(self._request)
        self._head_size = 0
        self.wants_continue = False


def head(
    status: int,
    content_type: bytes,
    date: bytes,
    *,
    length: int | None,
    keep_alive: bool = True,
    chunked: bool = True,
    allow: bytes = b"",
) -> bytes:
    """Status line and headers. A ``length`` of None: the body is chunked, or ends with the connection."""
    lines = [
        b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode()),
        b"Content-Type: " + content_type,
    ]
    if allow:
        lines.append(b"Allow: " + allow)
    lines.append(b"Date: " + date)
    if length is not None:
        lines.append(b"Content-Length: %d" % length)
    elif chunked:
        lines.append(b"Transfer-Encoding: chunked")
    if not keep_alive:
        lines.append(b"Connection: close")
    elif not chunked:
        lines.append(b"Connection: keep-alive")
    return b"\r\n".join([*lines, b"", b""])
