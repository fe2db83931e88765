"""requests, on threads or on gevent. A Session per thread, as its maintainers advise, or one for all (``session``)."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.cookiejar import DefaultCookiePolicy
from typing import Any, ClassVar

from loadgen.clients import LINES, Failures, Info, Sink, choice, connecting, trust
from loadgen.clients.urllib3 import chunks, failures, set_up, socket_of, version_of
from loadgen.model import Cell, Request


class Requests:
    INFO: ClassVar = Info(
        name="requests",
        mode="threads",
        distribution="requests",
        extra="requests",
        options={"session": ("per-thread", "shared"), **LINES},
        modules=("requests", "loadgen.clients.genuine_urllib3"),
    )

    def __init__(self, cell: Cell) -> None:
        self.failures = self._failures()
        timeouts = cell.workload.timeouts
        timeout = (timeouts.connect, min(timeouts.first_token, timeouts.total))
        self._options: dict[str, Any] = {"stream": True, "timeout": timeout, "allow_redirects": False}
        self._read = _lines if choice(cell.client, "lines") == "native" else self._chunks
        self._cell, self._trust = cell, trust.context(cell)
        self._no_cookies = DefaultCookiePolicy(allowed_domains=[])
        self._local = threading.local()
        shared = cell.client.options.get("session") == "shared"
        self._shared = self._session(cell.max_streams) if shared else None

    def stream(self, request: Request, sink: Sink) -> None:
        session = self._shared or getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = self._session(1)
        connecting.sink.set(sink)
        with session.request(
            request.method, request.url, headers=request.headers, data=request.body, **self._options
        ) as response:
            sock = self._socket(response)
            sock.settimeout(None)
            sink.connected(sock)
            self._report_phases(response, sink)
            sink.connection(http=version_of(response.raw))
            sink.headers(response.status_code, response.headers.get)
            on_data = sink.data
            for chunk in self._read(response):
                on_data(chunk)

    # niquests, a fork, differs in these

    def _failures(self) -> Failures:
        return failures()

    def _session(self, connections: int) -> Any:
        import requests
        from requests.adapters import HTTPAdapter

        session = requests.Session()
        session.trust_env = False
        session.verify = self._cell.tls.verify
        session.cookies.set_policy(self._no_cookies)
        # requests reads the body of a redirect to its end, even if it must not follow it.
        session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]  # noqa: ARG005
        adapter = HTTPAdapter(max_retries=0)
        adapter.init_poolmanager(1, connections, ssl_context=self._trust)
        set_up(adapter.poolmanager, self._cell)
        adapter.cert_verify = lambda *_: None  # type: ignore[method-assign] # it would add those of certifi
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        return session

    def _socket(self, response: Any) -> Any:
        return socket_of(response.raw)

    def _report_phases(self, response: Any, sink: Sink) -> None:
        """Report what was not reported while the connection was opened."""

    def _chunks(self, response: Any) -> Iterator[bytes]:
        # iter_content(None) waits for the end of a body without chunks, and decompresses one with chunks.
        if not response.raw.chunked:
            return chunks(response.raw)
        response.raw.headers.pop("Content-Encoding", None)
        body: Iterator[bytes] = response.iter_content(chunk_size=None)
        return body


class RequestsGevent(Requests):
    """requests, in a process that gevent has patched."""

    INFO: ClassVar = replace(Requests.INFO, name="requests-gevent", mode="greenlets", extra="gevent")


def _lines(response: Any) -> Iterator[bytes]:
    return (line + b"\n" for line in response.iter_lines())
