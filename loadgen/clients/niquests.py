"""niquests, on threads: a fork of requests on a fork of urllib3. A Session per thread.

Installing it replaces urllib3 by urllib3-future: it needs an environment of its own, see docs/clients.md.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from loadgen.clients import LINES, Failures, Info, Phase, Sink, connecting, trust
from loadgen.clients.requests import Requests
from loadgen.model import Outcome, Request


class Niquests(Requests):
    INFO: ClassVar = Info(
        name="niquests",
        mode="threads",
        distribution="niquests",
        extra="niquests",
        options=LINES,
        http=("1.1", "2"),
        alone=True,
    )

    def stream(self, request: Request, sink: Sink) -> None:
        try:
            super().stream(request, sink)
        finally:
            if self._cell.workload.connections == "new":
                for adapter in self._local.session.adapters.values():
                    adapter.poolmanager.clear()

    def _failures(self) -> Failures:
        import niquests

        return (
            (niquests.ConnectTimeout, "", Outcome.CONNECT_TIMEOUT),
            (niquests.ReadTimeout, "", Outcome.FIRST_TOKEN_TIMEOUT),
            (niquests.RequestException, "Remote end closed", Outcome.TRUNCATED),
            (niquests.RequestException, "peer closed", Outcome.TRUNCATED),
            (niquests.RequestException, "IncompleteRead", Outcome.TRUNCATED),
            (Exception, "illegal chunk", Outcome.UNDECODABLE),
            (Exception, "illegal status", Outcome.UNDECODABLE),
        )

    def _session(self, connections: int) -> Any:
        import niquests

        session = niquests.Session(
            pool_connections=1,
            pool_maxsize=connections,
            retries=0,
            allow_incoming_cookies=False,
            disable_http1=self._cell.workload.http != "1.1",
            disable_http2=self._cell.workload.http != "2",
            disable_http3=True,
        )
        session.trust_env = False
        if of := self._cell.tls.cert:
            session.cert = (of, self._cell.tls.key or of)
        session.verify = trust.certificates(self._cell) or self._cell.tls.verify
        # niquests reads the body of a redirect to its end, even if it must not follow it.
        session.get_redirect_target = lambda _: None
        return session

    def _socket(self, response: Any) -> Any:
        return response.raw._fp._sock or response.raw._connection.sock

    def _report_phases(self, response: Any, sink: Sink) -> None:
        known = response.request.conn_info
        phases: dict[Phase, timedelta | None] = {
            "dns": known.resolution_latency,
            "connect": known.established_latency,
            "tls": known.tls_handshake_latency,
        }
        for phase, took in phases.items():
            # zero for a connection that is used again
            if took and not (phase == "dns" and connecting.is_address(urlsplit(response.url).hostname)):
                sink.phase(phase, took // timedelta(microseconds=1) * 1000)

    def _chunks(self, response: Any) -> Iterator[bytes]:
        body: Iterator[bytes] = response.iter_raw(-1)
        return body
