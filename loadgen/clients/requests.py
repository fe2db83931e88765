"""requests, on threads or on gevent. A Session per thread, as its maintainers advise, or one for all (``session``)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, ClassVar

from loadgen.clients import LINES, Failures, Info, Sink, choice
from loadgen.clients.urllib3 import chunks, socket_of
from loadgen.model import Cell, Outcome, Request

if TYPE_CHECKING:
    import requests


class Requests:
    """See :class:`loadgen.clients.SyncClient`."""

    INFO: ClassVar = Info(
        name="requests",
        mode="threads",
        distribution="requests",
        extra="requests",
        options={"session": ("per-thread", "shared"), **LINES},
        modules=("requests", "loadgen.clients.genuine_urllib3"),
    )

    def __init__(self, cell: Cell) -> None:
        import requests
        from urllib3.exceptions import InvalidChunkLength

        self.failures: Failures = (
            (requests.ConnectTimeout, "", Outcome.CONNECT_TIMEOUT),
            (requests.ReadTimeout, "", Outcome.FIRST_TOKEN_TIMEOUT),
            (RemoteDisconnected, "", Outcome.TRUNCATED),
            (InvalidChunkLength, "", Outcome.UNDECODABLE),
            (IncompleteRead, "", Outcome.TRUNCATED),
            (requests.exceptions.ChunkedEncodingError, "ended prematurely", Outcome.TRUNCATED),
            (HTTPException, "", Outcome.UNDECODABLE),
        )
        timeouts = cell.workload.timeouts
        timeout = (timeouts.connect, min(timeouts.first_token, timeouts.total))
        self._options: dict[str, Any] = {"stream": True, "timeout": timeout, "allow_redirects": False}
        self._read = _lines if choice(cell.client, "lines") == "native" else _chunks
        self._local = threading.local()
        shared = choice(cell.client, "session") == "shared"
        self._shared = _session(cell.max_streams) if shared else None

    def stream(self, request: Request, sink: Sink) -> None:
        session = self._shared or getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _session(1)
        with session.request(
            request.method, request.url, headers=request.headers, data=request.body, **self._options
        ) as response:
            sock = socket_of(response.raw)
            sock.settimeout(None)
            sink.connected(sock)
            sink.headers(response.status_code)
            on_data = sink.data
            for chunk in self._read(response):
                on_data(chunk)


class RequestsGevent(Requests):
    """requests, in a process that gevent has patched."""

    INFO: ClassVar = replace(Requests.INFO, name="requests-gevent", mode="greenlets", extra="gevent")


def _session(connections: int) -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # requests reads the body of a redirect to its end, even if it must not follow it.
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]  # noqa: ARG005
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _chunks(response: requests.Response) -> Iterator[bytes]:
    # iter_content(None) waits for the end of a body without chunks, and decompresses one with chunks.
    if response.raw.chunked:
        response.raw.headers.pop("Content-Encoding", None)
        return response.iter_content(chunk_size=None)
    return chunks(response.raw)


def _lines(response: requests.Response) -> Iterator[bytes]:
    return (line + b"\n" for line in response.iter_lines())
