"""HTTP/1.1: requests one after the other, answers as fast as the client reads."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from loadgen.simulator import http
from loadgen.simulator.connection import Answering, Connection, Handler
from loadgen.simulator.link import Link
from loadgen.simulator.state import State

_MAX_PIPELINED: Final = 256 << 10


class Http1(Link, Connection):
    """One client. Its requests are answered one after the other; what comes meanwhile waits in the parser.

    ``request`` is the one that is answered.
    """

    __slots__ = ("_busy", "_head", "_parser", "_route", "request", "stream")

    def __init__(self, state: State, sock: socket.socket, route: Handler) -> None:
        super().__init__(state, sock)
        self.stream: Answering | None = None
        self.request = http.Request()
        self._route = route
        self._parser = http.Parser()
        self._busy = False
        self._head = b""

    @property
    def transmit(self) -> Callable[[bytes], int]:
        """Return the socket's own ``send``."""
        return self.sock.send

    @property
    def busy(self) -> bool:
        """Return whether an answer is on its way."""
        return self._busy

    @property
    def full(self) -> bool:
        """Return whether too many requests are pipelined."""
        return bool((self._busy or self.out) and self._parser.buffered > _MAX_PIPELINED)

    def feed(self, data: bytes) -> None:
        """Take what has come; answer what is whole of it."""
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
            self._route(self.state, self, request)
        self.watch()

    def begin(self, status: int, content_type: bytes, length: int | None, allow: bytes = b"") -> None:
        """Begin the answer to ``request`` with its head."""
        chunked = self.request.chunked
        lines = [
            b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode()),
            b"Content-Type: " + content_type,
            b"Date: " + http.date(),
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
        self._head = b"\r\n".join([*lines, b"", b""])

    def send(self, data: bytes) -> None:
        """Send now what can be sent, and the rest when the client reads."""
        if self._head:
            data, self._head = self._head + data, b""
        super().send(data)

    def drained(self) -> None:
        """Let the stream go on, and what was pipelined."""
        if self.stream is not None:
            self.stream.resume()
        self._pump()

    def finish(self, *, keep_alive: bool = True) -> None:
        """End the present answer; what was pipelined behind it is next."""
        if self.sock.fileno() < 0:
            return
        self._busy = False
        if not (keep_alive and self.request.keep_alive):
            self.leave()
        elif self._parser.buffered:
            self.loop.wheel.add(time.monotonic_ns(), self._pump)
        else:
            self.watch()

    def cancel(self) -> None:
        """Cancel the stream."""
        self._parser.close()
        self._busy = False
        if self.stream is not None:
            self.stream.release()
