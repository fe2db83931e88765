"""httpx's Client, on threads. One Client for all, as its documentation does, or one per thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import httpx

from loadgen.clients import Failures, SyncResponse, choice
from loadgen.clients.cookies import no_cookies
from loadgen.model import Cell, Outcome, Request

FAILURES: Failures = (
    (httpx.ConnectTimeout, "", Outcome.CONNECT_TIMEOUT),
    (httpx.ReadTimeout, "", Outcome.FIRST_TOKEN_TIMEOUT),
    (httpx.RemoteProtocolError, "peer closed", Outcome.TRUNCATED),
    (httpx.RemoteProtocolError, "disconnected", Outcome.TRUNCATED),
    (httpx.RemoteProtocolError, "", Outcome.UNDECODABLE),
)
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None)


class HttpxSync:
    """See :class:`loadgen.clients.SyncClient`."""

    failures: ClassVar[Failures] = FAILURES

    def __init__(self, cell: Cell) -> None:
        first = min(cell.workload.timeouts.first_token, cell.workload.timeouts.total)
        self._timeout = httpx.Timeout(None, connect=cell.workload.timeouts.connect, read=first)
        self._verify = httpx.create_ssl_context(trust_env=False)
        self._read = lines if choice(cell.client, "lines") == "native" else httpx.Response.iter_raw
        self._local = threading.local()
        self._shared = None if cell.client.options.get("session") == "per-thread" else self._make()

    def _make(self) -> httpx.Client:
        return httpx.Client(
            timeout=self._timeout, limits=LIMITS, verify=self._verify, cookies=no_cookies(), trust_env=False
        )

    @contextmanager
    def open(self, request: Request) -> Iterator[SyncResponse]:
        client = self._shared or getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self._make()
        with client.stream(
            request.method,
            request.url,
            headers={"Accept-Encoding": "identity", **request.headers},
            content=request.body,
        ) as response:
            # httpcore looks the read timeout up again when the body begins.
            response.request.extensions["timeout"]["read"] = None
            sock = response.extensions["network_stream"].get_extra_info("socket")
            yield SyncResponse(response.status_code, self._read(response), sock)

    def close(self) -> None:
        if self._shared:
            self._shared.close()


def lines(response: httpx.Response) -> Iterator[bytes]:
    """The body as the library's own lines, which are text."""
    return (line.encode() + b"\n" for line in response.iter_lines())
