"""requests, on threads. A Session per thread, as its maintainers advise, or one for all (``session``)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from http.cookiejar import DefaultCookiePolicy
from typing import ClassVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InvalidChunkLength

from loadgen.clients import Failures, SyncResponse, choice
from loadgen.clients.urllib3 import chunks, socket_of
from loadgen.model import Cell, Outcome, Request


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        # requests reads the body of a redirect to its end first, also where it must not follow.
        return None


class Requests:
    """See :class:`loadgen.clients.SyncClient`."""

    failures: ClassVar[Failures] = (
        (requests.ConnectTimeout, "", Outcome.CONNECT_TIMEOUT),
        (requests.ReadTimeout, "", Outcome.FIRST_TOKEN_TIMEOUT),
        (RemoteDisconnected, "", Outcome.TRUNCATED),
        (InvalidChunkLength, "", Outcome.UNDECODABLE),
        (IncompleteRead, "", Outcome.TRUNCATED),
        (requests.exceptions.ChunkedEncodingError, "ended prematurely", Outcome.TRUNCATED),
        (HTTPException, "", Outcome.UNDECODABLE),
    )

    def __init__(self, cell: Cell) -> None:
        self._timeout = (
            cell.workload.timeouts.connect,
            min(cell.workload.timeouts.first_token, cell.workload.timeouts.total),
        )
        self._shared = cell.client.options.get("session") == "shared"
        self._size = cell.max_streams if self._shared else 1
        self._read = _lines if choice(cell.client, "lines") == "native" else _chunks
        self._local = threading.local()
        self._session = self._make() if self._shared else None

    def _make(self) -> requests.Session:
        session = _Session()
        session.trust_env = False
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=self._size, max_retries=0)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        return session

    @contextmanager
    def open(self, request: Request) -> Iterator[SyncResponse]:
        session = self._session or getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = self._make()
        with session.request(
            request.method,
            request.url,
            headers={"Accept-Encoding": "identity", **request.headers},
            data=request.body,
            stream=True,
            timeout=self._timeout,
            allow_redirects=False,
        ) as response:
            sock = socket_of(response.raw)
            sock.settimeout(None)
            yield SyncResponse(response.status_code, self._read(response), sock)

    def close(self) -> None:
        if self._session:
            self._session.close()


def _chunks(response: requests.Response) -> Iterator[bytes]:
    # Without chunks iter_content(None) would wait for the end of the body; with them it would unpack it.
    if response.raw.chunked:
        response.raw.headers.pop("Content-Encoding", None)
        return response.iter_content(chunk_size=None)
    return chunks(response.raw)


def _lines(response: requests.Response) -> Iterator[bytes]:
    return (line + b"\n" for line in response.iter_lines())
