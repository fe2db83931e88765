"""niquests, on threads: a fork of requests on a fork of urllib3. A Session per thread.

Installing it replaces urllib3 by urllib3-future: it needs an environment of its own, see docs/clients.md.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, ClassVar

from loadgen.clients import LINES, Failures, Info, Sink, choice
from loadgen.model import Cell, Outcome, Request


class Niquests:
    """See :class:`loadgen.clients.SyncClient`."""

    INFO: ClassVar = Info(
        name="niquests", mode="threads", distribution="niquests", extra="niquests", options=LINES
    )

    def __init__(self, cell: Cell) -> None:
        import niquests

        self.failures: Failures = (
            (niquests.ConnectTimeout, "", Outcome.CONNECT_TIMEOUT),
            (niquests.ReadTimeout, "", Outcome.FIRST_TOKEN_TIMEOUT),
            (niquests.RequestException, "Remote end closed", Outcome.TRUNCATED),
            (niquests.RequestException, "peer closed", Outcome.TRUNCATED),
            (niquests.RequestException, "IncompleteRead", Outcome.TRUNCATED),
            (Exception, "illegal chunk", Outcome.UNDECODABLE),
            (Exception, "illegal status", Outcome.UNDECODABLE),
        )
        timeouts = cell.workload.timeouts
        timeout = (timeouts.connect, min(timeouts.first_token, timeouts.total))
        self._options: dict[str, Any] = {"stream": True, "timeout": timeout, "allow_redirects": False}
        self._read = _lines if choice(cell.client, "lines") == "native" else _chunks
        self._local = threading.local()

    def stream(self, request: Request, sink: Sink) -> None:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _session()
        with session.request(
            request.method, request.url, headers=request.headers, data=request.body, **self._options
        ) as response:
            sock = response.raw._fp._sock
            sock.settimeout(None)
            sink.connected(sock)
            sink.headers(response.status_code)
            on_data = sink.data
            for chunk in self._read(response):
                on_data(chunk)


def _session() -> Any:
    import niquests

    session: Any = niquests.Session(
        pool_connections=1, pool_maxsize=1, retries=0, allow_incoming_cookies=False
    )
    session.trust_env = False
    # niquests reads the body of a redirect to its end, even if it must not follow it.
    session.get_redirect_target = lambda _: None
    return session


def _chunks(response: Any) -> Iterator[bytes]:
    chunks: Iterator[bytes] = response.iter_raw(-1)
    return chunks


def _lines(response: Any) -> Iterator[bytes]:
    return (line + b"\n" for line in response.iter_lines())
