"""One client's connection: requests one after the other, answers as fast as the client reads."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final, Protocol

from loadgen.simulator import http
from loadgen.simulator.loop import READ, WRITE
from loadgen.simulator.state import State

_READ_SIZE: Final = 64 << 10
_WRITE_SIZE: Final = 256 << 10
_MAX_PIPELINED: Final = 256 << 10
_LINGER_NS: Final = 1_000_000_000


class Answering(Protocol):
    """What a connection answers with over time: a stream."""

    def resume(self) -> None:
        """Go on: the client has read everything that it was sent."""

    def release(self) -> None:
        """Stop: the client has left."""


class Connection:
    """One client. Its requests are answered one after the other; what comes meanwhile waits in the parser.

    ``request`` is the one that is answered. ``out`` is what the client was too slow to take. While it is not empty
    nothing is due for ``stream``: like Ollama's handler, it is blocked in its write.
    """

    __slots__ = (
        "_busy", "_closing", "_draining", "_eof", "_events", "_loop", "_parser", "_route", "_state",
        "out", "request", "sock", "stream",
    )  # fmt: skip

    def __init__(self, state: State, sock: socket.socket, route: Handler) -> None:
        self.sock = sock
        self.out = bytearray()
        self.stream: Answering | None = None
        self.request = http.Request()
        self._state, self._loop, self._route = state, state.loop, route
        self._parser = http.Parser()
        self._busy = self._closing = self._draining = self._eof = False
        self._events = READ
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.watch(sock.fileno(), self._ready)

    def _ready(self, events: int) -> None:
        if events & WRITE and self.out:
            self._flush()
        if events & READ and self.sock.fileno() >= 0:
            self._read()

    def _read(self) -> None:
        try:
            data = self.sock.recv(_READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not data:
            # A client that has closed its side has left, as Go's server sees it; only an answer on its way
            # goes on.
            self._eof = True
            if self._busy or not self.out or self._draining:
                self.close()
            else:
                self._closing = True
                self._watch()
        elif not self._draining:
            self._parser.feed(data)
            self._pump()

    def _pump(self) -> None:
        """Answer the next request, unless an answer is on its way."""
        while not (self._busy or self.out or self._closing or self._draining) and self.sock.fileno() >= 0:
            try:
                request = self._parser.next()
            except http.HttpError as error:
                self.request = http.Request(keep_alive=False)
                self.answer(error.status, f"{error.status} {error}".encode(), http.TEXT)
                return
            if request is None:
                if self._parser.wants_continue:
                    self._parser.wants_continue = False
                    self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                break
            self._busy = True
            self.request = request
            self._route(self._state, self, request)
        self._watch()

    def _watch(self) -> None:
        if self.sock.fileno() < 0:
            return
        full = (self._busy or self.out) and self._parser.buffered > _MAX_PIPELINED
        events = (0 if full or self._eof else READ) | (WRITE if self.out else 0)
        if events != self._events:
            self._events = events
            self._loop.watch(self.sock.fileno(), self._ready, events)

    def send(self, data: bytes) -> None:
        """Send now what can be sent, and the rest when the client reads."""
        if self.out:
            self.out += data
        elif (sent := self._send(data)) < len(data):
            self.keep(data[sent:])

    def _send(self, data: bytes | bytearray) -> int:
        """Return how many bytes were sent: all, for the connection is then closed, where the client has left."""
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.close()
            return len(data)

    def keep(self, rest: bytes) -> None:
        """Keep ``rest``, which a slow client has not taken."""
        self._state.log.blocked += 1
        self.out += rest
        self._watch()

    def _flush(self) -> None:
        sent = self._send(self.out[:_WRITE_SIZE])
        del self.out[:sent]
        if self.out or self.sock.fileno() < 0:
            return
        if self.stream is not None:
            self.stream.resume()
        elif self._closing:
            self._shut()
            return
        self._pump()

    def head(self, status: int, content_type: bytes, length: int | None, allow: bytes = b"") -> bytes:
        """Return the head of the answer to ``request``; ``length`` is ``None`` for one that streams."""
        chunked = self.request.chunked
        lines = [
            b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode()),
            b"Content-Type: " + content_type,
            time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT", time.gmtime()).encode(),
        ]
        if allow:
            lines.append(b"Allow: " + allow)
        if length is not None:
            lines.append(b"Content-Length: %d" % length)
        elif chunked:
            lines.append(b"Transfer-Encoding: chunked")
        if not self.request.keep_alive or (length is None and not chunked):
            lines.append(b"Connection: close")
        elif not chunked:
            lines.append(b"Connection: keep-alive")
        return b"\r\n".join([*lines, b"", b""])

    def answer(self, status: int, body: bytes, content_type: bytes = http.JSON, allow: bytes = b"") -> None:
        """Send a whole answer, at once."""
        head = self.head(status, content_type, len(body), allow)
        self.send(head if self.request.method == "HEAD" else head + body)
        self.finish()

    def finish(self, *, keep_alive: bool = True) -> None:
        """End the present answer; what was pipelined behind it is next."""
        if self.sock.fileno() < 0:
            return
        self._busy = False
        if not (keep_alive and self.request.keep_alive):
            self._closing = True
            if not self.out:
                self._shut()
        elif self._parser.buffered:
            self._loop.wheel.add(time.monotonic_ns(), self._pump)
        else:
            self._watch()

    def _shut(self) -> None:
        """Close our side, then wait for the client's: to close with bytes unread is to reset."""
        self._closing, self._draining = False, True
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._eof = True
        if self._eof:
            self.close()
            return
        self._watch()
        self._loop.wheel.add(time.monotonic_ns() + _LINGER_NS, self.close)

    def reset(self) -> None:
        """Tear the connection down (RST)."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Close the socket, and cancel the stream on it."""
        fd = self.sock.fileno()
        if fd < 0:
            return
        self._loop.watch(fd, self._ready, 0)
        self.sock.close()
        self.out.clear()
        self._parser.close()
        self._busy = False
        if self.stream is not None:
            self.stream.release()


# Answers a request with the JSON object that it returns, or by itself, now or later. Raises HttpError.
Handler = Callable[[State, Connection, http.Request], Mapping[str, Any] | None]
Routes = Mapping[str, Mapping[str, Handler]]  # path -> method -> handler
