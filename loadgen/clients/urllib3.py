"""urllib3's PoolManager, on threads: one for all, as its documentation does. ``requests`` is built on it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING, Any, ClassVar

from loadgen.clients import LINES, Failures, Info, Sink, choice
from loadgen.model import Cell, Outcome, Request

if TYPE_CHECKING:
    import urllib3


class Urllib3:
    """See :class:`loadgen.clients.SyncClient`."""

    INFO: ClassVar = Info(
        name="urllib3",
        mode="threads",
        distribution="urllib3",
        extra="urllib3",
        options=LINES,
        modules=("urllib3", "loadgen.clients.genuine_urllib3"),
    )

    def __init__(self, cell: Cell) -> None:
        import urllib3
        from urllib3.exceptions import (
            ConnectTimeoutError,
            InvalidChunkLength,
            ProtocolError,
            ReadTimeoutError,
        )

        self.failures: Failures = (
            (ConnectTimeoutError, "", Outcome.CONNECT_TIMEOUT),
            (ReadTimeoutError, "", Outcome.FIRST_TOKEN_TIMEOUT),
            (RemoteDisconnected, "", Outcome.TRUNCATED),
            (InvalidChunkLength, "", Outcome.UNDECODABLE),
            (IncompleteRead, "", Outcome.TRUNCATED),
            (ProtocolError, "ended prematurely", Outcome.TRUNCATED),
            (HTTPException, "", Outcome.UNDECODABLE),
        )
        timeouts = cell.workload.timeouts
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=cell.max_streams,
            timeout=urllib3.Timeout(connect=timeouts.connect, read=min(timeouts.first_token, timeouts.total)),
            retries=False,
        )
        self._options: dict[str, Any] = {"preload_content": False, "decode_content": False, "redirect": False}
        self._read = iter if choice(cell.client, "lines") == "native" else chunks

    def stream(self, request: Request, sink: Sink) -> None:
        response = self._pool.request(
            request.method, request.url, headers=request.headers, body=request.body, **self._options
        )
        try:
            sock = socket_of(response)
            sock.settimeout(None)
            sink.connected(sock)
            sink.headers(response.status)
            on_data = sink.data
            for chunk in self._read(response):
                on_data(chunk)
        finally:
            # A connection whose body was read to the end is back in the pool; this closes the others.
            response.close()


def socket_of(response: urllib3.BaseHTTPResponse) -> socket.socket:
    """Return the socket from which the body is read."""
    # The connection drops its socket after `Connection: close`; the reader keeps it.
    reader: Any = response._fp  # type: ignore[attr-defined]
    sock: socket.socket = reader.fp.raw._sock
    return sock


def chunks(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Return the body read by read."""
    # stream(None) waits for the end of a body without chunks.
    if response.chunked:
        return response.stream(None)
    return iter(lambda: response.read1(65536), b"")
