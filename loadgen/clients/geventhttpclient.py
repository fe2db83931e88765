"""geventhttpclient's HTTPClient, on gevent: one for all, whose parser (llhttp) is in C."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from time import perf_counter_ns
from typing import Any, ClassVar
from urllib.parse import urlsplit

from loadgen.clients import LINES, Failures, Info, Sink, choice, connecting, trust
from loadgen.model import Cell, Outcome, Request


class GeventHttpClient:
    INFO: ClassVar = Info(
        name="geventhttpclient",
        mode="greenlets",
        distribution="geventhttpclient",
        extra="geventhttpclient",
        options=LINES,
    )

    def __init__(self, cell: Cell) -> None:
        from geventhttpclient import HTTPClient
        from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError

        self.failures: Failures = (
            (TimeoutError, "", Outcome.CONNECT_TIMEOUT),
            (ConnectionResetError, "", Outcome.RESET),
            (HTTPConnectionClosed, "", Outcome.TRUNCATED),
            (HTTPParseError, "Incomplete response", Outcome.TRUNCATED),
            (HTTPParseError, "Invalid EOF state", Outcome.TRUNCATED),
            (HTTPParseError, "", Outcome.UNDECODABLE),
        )
        timeouts = cell.workload.timeouts
        self._new: Callable[[str], Any] = partial(
            HTTPClient.from_url,
            concurrency=cell.max_streams,
            connection_timeout=timeouts.connect,
            network_timeout=min(timeouts.first_token, timeouts.total),
            insecure=not cell.tls.verify,
            ssl_context_factory=lambda **_: _handshakes(trust.context(cell)),
        )
        self._keeps = cell.workload.connections == "reuse"
        self._clients: dict[tuple[str, str], Any] = {}  # by scheme, and host and port
        self._read = _lines if choice(cell.client, "lines") == "native" else _reads

    def stream(self, request: Request, sink: Sink) -> None:
        scheme, host, path, query, _ = urlsplit(request.url)
        client = self._clients.get((scheme, host)) or self._open(scheme, host)
        connecting.sink.set(sink)
        target = f"{path or '/'}?{query}" if query else path or "/"
        with client.request(request.method, target, request.body, dict(request.headers)) as response:
            _socket.get().settimeout(None)
            sink.connection(http=response.version.removeprefix("HTTP/"))
            sink.headers(response.status_code, response.get)
            self._read(response, sink.data)

    def _open(self, scheme: str, host: str) -> Any:
        client = self._clients[scheme, host] = self._new(f"{scheme}://{host}")
        pool = client._connection_pool
        pool.__class__ = type("Timed", (_Timed, type(pool)), {})
        pool.keeps = self._keeps
        pool.size = -1  # else it sends a GET again, as often as that
        return client


_socket: ContextVar[Any] = ContextVar("socket")  # of the stream of this greenlet
_resolved: ContextVar[int] = ContextVar("resolved")  # mark of the connection that it opens


class _Timed:
    """The part of a pool that reports the phases and the sockets of its connections."""

    network_timeout: float
    release_socket: Any
    keeps = True
    _connection_host: str

    def get_socket(self) -> Any:
        sock = super().get_socket()  # type: ignore[misc]
        sock.settimeout(self.network_timeout)
        _socket.set(sock)
        connecting.sink.get().connected(sock)
        connecting.from_port(sock.getsockname())
        return sock

    def return_socket(self, sock: Any) -> None:
        if self.keeps:
            super().return_socket(sock)  # type: ignore[misc]
        else:
            self.release_socket(sock)

    def _resolve(self) -> Any:
        began = perf_counter_ns()
        found = super()._resolve()  # type: ignore[misc]
        is_address = connecting.is_address(self._connection_host)
        _resolved.set(began if is_address else connecting.ended("dns", began))
        return found

    def _connect_socket(self, sock: Any, address: Any) -> Any:
        connected = super()._connect_socket(sock, address)  # type: ignore[misc]
        if connected is sock:  # without TLS
            connecting.ended("connect", _resolved.get())
        return connected


def _handshakes(context: Any) -> Any:
    """Make an ``ssl.SSLContext`` report the connections that it is for."""
    wrap = context.wrap_socket

    def wrap_socket(*arguments: Any, **named: Any) -> Any:
        began = connecting.ended("connect", _resolved.get())
        wrapped = wrap(*arguments, **named)
        connecting.ended("tls", began)
        return wrapped

    context.wrap_socket = wrap_socket
    return context


def _reads(response: Any, on_data: Callable[[bytes], object]) -> None:
    """Report the body as the parser delivers it: the library's own reads wait for as many bytes as they ask for."""
    on_data(response.read(len(response._body_buffer)))  # came with the headers
    response._on_body = lambda data: on_data(bytes(data))
    response.read()


def _lines(response: Any, on_data: Callable[[bytes], object]) -> None:
    while line := response.readline(b"\n"):
        on_data(line)
    on_data(response.read())
