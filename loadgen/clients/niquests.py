"""niquests, on threads: a fork of requests on a fork of urllib3. A Session per thread.

Installing it puts urllib3-future in the place of urllib3: it wants an environment of its own, see docs/clients.md.
"""

from __future__ import annotations

import threading
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
        self._timeout = (timeouts.connect, min(timeouts.first_token, timeouts.total))
        self._native = choice(cell.client, "lines") == "native"
        self._local = threading.local()

    def stream(self, request: Request, sink: Sink) -> None:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _session()
        with session.request(
            request.method,
            request.url,
            headers={"Accept-Encoding": "identity", **request.headers},
            data=request.body,
            stream=True,
            timeout=self._timeout,
            allow_redirects=False,
        ) as response:
            sock = response.raw._fp._sock
            sock.settimeout(None)
            sink.connected(sock)
            sink.headers(response.status_code)
            on_data = sink.data
            if self._native:
                for line in response.iter_lines():
                    on_data(line + b"\n")
                return
            for chunk in response.iter_raw(-1):
                on_data(chunk)


def _session() -> Any:
    import niquests

    session: Any = niquests.Session(
        pool_connections=1, pool_maxsize=1, retries=0, allow_incoming_cookies=False
    )
    session.trust_env = False
    # niquests reads the body of a redirect to its end first, also where it must not follow.
    session.get_redirect_target = lambda _: None
    return session
