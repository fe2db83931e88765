"""urllib3's PoolManager, on threads: one for all, as its documentation does. What ``requests`` stands on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any, ClassVar

import urllib3
from urllib3.exceptions import ConnectTimeoutError, InvalidChunkLength, ProtocolError, ReadTimeoutError

from loadgen.clients import Failures, Missing, SyncResponse, choice
from loadgen.model import Cell, Outcome, Request

if hasattr(urllib3, "AsyncPoolManager"):
    raise Missing("urllib3 is urllib3-future here, which niquests puts in its place: use another environment")


class Urllib3:
    """See :class:`loadgen.clients.SyncClient`."""

    failures: ClassVar[Failures] = (
        (ConnectTimeoutError, "", Outcome.CONNECT_TIMEOUT),
        (ReadTimeoutError, "", Outcome.FIRST_TOKEN_TIMEOUT),
        (RemoteDisconnected, "", Outcome.TRUNCATED),
        (InvalidChunkLength, "", Outcome.UNDECODABLE),
        (IncompleteRead, "", Outcome.TRUNCATED),
        (ProtocolError, "ended prematurely", Outcome.TRUNCATED),
        (HTTPException, "", Outcome.UNDECODABLE),
    )

    def __init__(self, cell: Cell) -> None:
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=cell.max_streams,
            timeout=urllib3.Timeout(
                connect=cell.workload.timeouts.connect,
                read=min(cell.workload.timeouts.first_token, cell.workload.timeouts.total),
            ),
            retries=False,
        )
        self._read = lines if choice(cell.client, "lines") == "native" else chunks

    @contextmanager
    def open(self, request: Request) -> Iterator[SyncResponse]:
        response = self._pool.request(
            request.method,
            request.url,
            headers={"Accept-Encoding": "identity", **request.headers},
            body=request.body,
            preload_content=False,
            decode_content=False,
            redirect=False,
        )
        try:
            sock = socket_of(response)
            sock.settimeout(None)
            yield SyncResponse(response.status, self._read(response), sock)
        finally:
            # What has been read to its end is in the pool again; the rest must not be.
            response.close()

    def close(self) -> None:
        self._pool.clear()


def socket_of(response: urllib3.BaseHTTPResponse) -> socket.socket:
    """The socket that the body comes through."""
    # The connection forgets its socket when the server says `Connection: close`; the reader never does.
    reader: Any = response._fp  # type: ignore[attr-defined]
    sock: socket.socket = reader.fp.raw._sock
    return sock


def chunks(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """The body as it comes."""
    # Without chunks stream(None) would wait for the end of the body.
    if response.chunked:
        return response.stream(None)
    return iter(lambda: response.read1(65536), b"")


def lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """The body as the library's own lines."""
    return iter(response)
