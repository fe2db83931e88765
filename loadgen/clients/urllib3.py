"""urllib3's PoolManager, on threads: one for all, as its documentation does. ``requests`` is built on it."""

import socket
from collections.abc import Iterator
from functools import cache
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from time import perf_counter_ns
from typing import Any, ClassVar

from loadgen.clients import LINES, Failures, Info, Sink, choice, connecting, trust
from loadgen.model import Cell, Outcome, Request


class Urllib3:
    INFO: ClassVar = Info(
        name="urllib3",
        mode="threads",
        distribution="urllib3",
        extra="urllib3",
        options=LINES,
        http_note="its HTTP/2 is experimental, and hands over an answer only when that is complete",
        modules=("urllib3", "loadgen.clients.genuine_urllib3"),
    )

    def __init__(self, cell: Cell) -> None:
        import urllib3

        self.failures = failures()
        timeouts = cell.workload.timeouts
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=cell.max_streams,
            timeout=urllib3.Timeout(connect=timeouts.connect, read=min(timeouts.first_token, timeouts.total)),
            retries=False,
            ssl_context=trust.context(cell),
        )
        set_up(self._pool, cell)
        self._options: dict[str, Any] = {"preload_content": False, "decode_content": False, "redirect": False}
        self._read = iter if choice(cell.client, "lines") == "native" else chunks

    def stream(self, request: Request, sink: Sink) -> None:
        connecting.sink.set(sink)
        response = self._pool.request(
            request.method, request.url, headers=request.headers, body=request.body, **self._options
        )
        try:
            sock = socket_of(response)
            sock.settimeout(None)
            sink.connected(sock)
            sink.connection(http=version_of(response))
            sink.headers(response.status, response.headers.get)
            on_data = sink.data
            for chunk in self._read(response):
                on_data(chunk)
        finally:
            # A connection whose body was read to the end is back in the pool; this closes the others.
            response.close()


def failures() -> Failures:
    """Return the outcomes of urllib3's exceptions, which those of requests hold too."""
    from urllib3 import exceptions

    return (
        # NewConnectionError is one too, whatever prevented the connection.
        (exceptions.ConnectTimeoutError, "timed out", Outcome.CONNECT_TIMEOUT),
        (exceptions.ReadTimeoutError, "", Outcome.FIRST_TOKEN_TIMEOUT),
        (RemoteDisconnected, "", Outcome.TRUNCATED),
        (exceptions.InvalidChunkLength, "", Outcome.UNDECODABLE),
        (IncompleteRead, "", Outcome.TRUNCATED),
        (exceptions.ProtocolError, "ended prematurely", Outcome.TRUNCATED),
        (HTTPException, "", Outcome.UNDECODABLE),
    )


def set_up(manager: Any, cell: Cell) -> None:
    """Make the connections of a PoolManager report how long it took to open them, and close them if each is for one."""
    is_new = cell.workload.connections == "new"
    manager.pool_classes_by_scheme = {
        scheme: _timed(pool, is_new) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


@cache  # a class takes kilobytes, and requests has a manager in each thread
def _timed(pool: Any, is_new: bool) -> Any:
    connection = type("Timed", (_Timed, pool.ConnectionCls), {})
    own = {"_put_conn": _close} if is_new else {}
    return type(pool.__name__, (pool,), {"ConnectionCls": connection, **own})


def _close(pool: Any, connection: Any) -> None:  # noqa: ARG001
    if connection is not None:
        connection.close()


class _Timed:
    """The part of a connection that reports its phases."""

    def _new_conn(self) -> Any:
        began = perf_counter_ns()
        sock = super()._new_conn()  # type: ignore[misc]
        self._opened = connecting.ended("connect", began)
        return sock

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        if hasattr(self, "cert_reqs"):  # of TLS only
            connecting.ended("tls", self._opened)


def socket_of(response: Any) -> socket.socket:
    """Return the socket from which the body is read."""
    # The connection drops its socket after `Connection: close`; the reader keeps it.
    sock: socket.socket = response._fp.fp.raw._sock
    return sock


def version_of(response: Any) -> str:
    """Return the version of HTTP of a response."""
    return {10: "1.0", 11: "1.1", 20: "2", 30: "3"}.get(response.version, "")


def chunks(response: Any) -> Iterator[bytes]:
    """Return the body read by read."""
    # stream(None) waits for the end of a body without chunks.
    whole: Iterator[bytes] = (
        response.stream(None) if response.chunked else iter(lambda: response.read1(65536), b"")
    )
    return whole
