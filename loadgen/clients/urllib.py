"""``urllib.request`` of the standard library, on threads: a connection for each request, which it closes after it."""

import http.client
import socket
from collections.abc import Iterator
from time import perf_counter_ns
from typing import Any, ClassVar
from urllib.error import URLError
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector
from urllib.request import Request as UrllibRequest

from loadgen.clients import LINES, Failures, Info, Sink, choice, connecting, trust
from loadgen.model import Cell, Outcome, Request


class Urllib:
    INFO: ClassVar = Info(
        name="urllib",
        mode="threads",
        distribution="",
        options=LINES,
        modules=("urllib.request",),
        connections=("new",),
    )

    def __init__(self, cell: Cell) -> None:
        self.failures: Failures = (
            (URLError, "timed out", Outcome.CONNECT_TIMEOUT),
            (TimeoutError, "", Outcome.FIRST_TOKEN_TIMEOUT),
            (http.client.RemoteDisconnected, "", Outcome.TRUNCATED),
            (ValueError, "base 16: b''", Outcome.TRUNCATED),  # the size of a chunk that did not come
            (ValueError, "base 16: ", Outcome.UNDECODABLE),
            (http.client.IncompleteRead, "", Outcome.TRUNCATED),
            (http.client.HTTPException, "", Outcome.UNDECODABLE),
        )
        timeouts = cell.workload.timeouts
        self._timeout = timeouts.connect
        own = {"headers_timeout": min(timeouts.first_token, timeouts.total)}
        # What urlopen does, without its handlers for proxies, redirects, cookies and passwords.
        plain, tls = HTTPHandler(), HTTPSHandler(context=trust.context(cell))
        for handler, kind in ((plain, http.client.HTTPConnection), (tls, http.client.HTTPSConnection)):
            handler.do_open = _opening(handler.do_open, type("Timed", (_Timed, kind), own))  # type: ignore[method-assign]
        self._opener = OpenerDirector()
        self._opener.add_handler(plain)
        self._opener.add_handler(tls)
        self._read: Any = iter if choice(cell.client, "lines") == "native" else _chunks

    def stream(self, request: Request, sink: Sink) -> None:
        connecting.sink.set(sink)
        sent = UrllibRequest(request.url, request.body, dict(request.headers), method=request.method)
        opened: Any = self._opener.open(sent, timeout=self._timeout)
        with opened as response:
            response.fp.raw._sock.settimeout(None)
            sink.connection(http="1.1" if response.version == 11 else "1.0")
            sink.headers(response.status, response.headers.get)
            on_data = sink.data
            for chunk in self._read(response):
                on_data(chunk)


def _opening(do_open: Any, kind: Any) -> Any:
    """Return ``do_open`` of a handler with connections of another class."""
    return lambda _, sent, **arguments: do_open(kind, sent, **arguments)


class _Timed:
    """The part of a connection that reports its phases and its socket, on which it waits for the headers."""

    headers_timeout: float

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._create_connection = self._create

    def _create(self, *arguments: Any, **named: Any) -> Any:
        began = perf_counter_ns()
        self.sock = socket.create_connection(*arguments, **named)
        self._opened = connecting.ended("connect", began)
        return self.sock

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        if isinstance(self, http.client.HTTPSConnection):
            connecting.ended("tls", self._opened)
        self.sock.settimeout(self.headers_timeout)
        connecting.sink.get().connected(self.sock)


def _chunks(response: Any) -> Iterator[bytes]:
    return iter(lambda: response.read1(65536), b"")
