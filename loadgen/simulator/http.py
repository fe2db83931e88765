"""HTTP/1.1 on the server's side: requests from bytes, and answers to bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

HEAD_LIMIT: Final = 64 << 10
BODY_LIMIT: Final = 64 << 20

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET: Final = re.compile(rb"[\x21-\x7e\x80-\xff]+")
_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")

JSON: Final = b"application/json; charset=utf-8"
NDJSON: Final = b"application/x-ndjson"
TEXT: Final = b"text/plain"


class BadRequest(Exception):
    """What cannot be read as a request; the connection can only be closed after ``status``."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(slots=True)
class Request:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    chunked: bool  # whether the answer may be chunked: HTTP/1.1
    keep_alive: bool
    body: bytearray = field(default_factory=bytearray)


class Parser:
    """Incremental: cut the bytes anywhere. Bytes after a request are kept for the next."""

    __slots__ = ("_buffer", "_chunked", "_left", "_request", "_searched")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._request: Request | None = None
        self._chunked = False
        self._left = 0  # bytes that the body or the chunk still lacks; -1: a chunk's size comes, -2: trailers
        self._searched = 0

    @property
    def buffered(self) -> int:
        """Bytes fed and not yet taken."""
        return len(self._buffer)

    @property
    def wants_continue(self) -> bool:
        """Whether the client waits for ``100 Continue`` before it sends the body."""
        return self._request is not None and "100-continue" in self._request.headers.get("expect", "").lower()

    def feed(self, data: bytes) -> None:
        """Take what the socket gave."""
        self._buffer += data

    def next(self) -> Request | None:
        """The next whole request, or None until more bytes have come. Raises BadRequest."""
        if self._request is None and not self._head():
            return None
        assert self._request is not None
        if not (self._chunks() if self._chunked else self._length()):
            return None
        request, self._request = self._request, None
        return request

    def _head(self) -> bool:
        buffer = self._buffer
        while buffer.startswith((b"\r", b"\n")):
            del buffer[:1]
        found = _HEAD_END.search(buffer, max(0, self._searched - 3))
        if (found.end() if found else len(buffer)) > HEAD_LIMIT:
            raise BadRequest(431, "request header fields too large")
        if not found:
            self._searched = len(buffer)
            return False
        lines = bytes(buffer[: found.start()]).replace(b"\r\n", b"\n").split(b"\n")
        del buffer[: found.end()]
        self._searched = 0
        self._request = request = _read_head(lines)
        encoding = request.headers.get("transfer-encoding")
        length = request.headers.get("content-length", "0")
        self._chunked = encoding is not None
        if encoding is not None:
            if encoding.lower() != "chunked" or "content-length" in request.headers or not request.chunked:
                raise BadRequest(400, "unsupported transfer encoding")
            self._left = -1
        else:
            if not (length.isascii() and length.isdigit() and len(length) < 16):
                raise BadRequest(400, "bad Content-Length")
            self._left = int(length)
            _limit(self._left)
        return True

    def _length(self) -> bool:
        if len(self._buffer) < self._left:
            return False
        assert self._request is not None
        self._request.body += self._buffer[: self._left]
        del self._buffer[: self._left]
        return True

    def _chunks(self) -> bool:
        buffer, request = self._buffer, self._request
        assert request is not None
        while True:
            if self._left >= 0:
                if len(buffer) < self._left + 2:
                    return False
                if buffer[self._left : self._left + 2] != b"\r\n":
                    raise BadRequest(400, "bad chunk")
                request.body += buffer[: self._left]
                del buffer[: self._left + 2]
                self._left = -1
            end = buffer.find(b"\n", 0, HEAD_LIMIT)
            if end < 0:
                if len(buffer) >= HEAD_LIMIT:
                    raise BadRequest(400, "bad chunk")
                return False
            line = bytes(buffer[:end]).rstrip(b"\r")
            del buffer[: end + 1]
            if self._left == -2:
                if not line:
                    return True
                continue
            size = _SIZE.fullmatch(line)
            if not size:
                raise BadRequest(400, "bad chunk size")
            self._left = int(size[1], 16) or -2
            _limit(len(request.body) + self._left)


def _limit(size: int) -> None:
    if size > BODY_LIMIT:
        raise BadRequest(413, "request body too large")


def _read_head(lines: list[bytes]) -> Request:
    parts = lines[0].split(b" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not _TARGET.fullmatch(parts[1]):
        raise BadRequest(400, "bad request line")
    method, target, version = parts
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise BadRequest(505 if version.startswith(b"HTTP/") else 400, "unsupported protocol version")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name) or b"\0" in value or b"\r" in value:
            raise BadRequest(400, "bad header")
        key, text = name.decode().lower(), value.strip(b" \t").decode("latin-1")
        if key in headers and (
            key in ("host", "transfer-encoding") or (key == "content-length" and headers[key] != text)
        ):
            raise BadRequest(400, f"{key} given twice")
        headers[key] = f"{headers[key]}, {text}" if key in headers and key != "content-length" else text
    modern = version == b"HTTP/1.1"
    if modern and "host" not in headers:
        raise BadRequest(400, "missing required Host header")
    wishes = {wish.strip() for wish in headers.get("connection", "").lower().split(",")}
    keep_alive = "close" not in wishes if modern else "keep-alive" in wishes
    path = target.decode("latin-1")
    if "://" in path:
        path = "/" + path.split("://", 1)[1].partition("/")[2]
    return Request(method.decode(), path.partition("?")[0], headers, modern, keep_alive)


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
