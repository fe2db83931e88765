"""curl_cffi's AsyncSession, on an event loop: libcurl's multi handle, which delivers through a queue.

It reports the status with the first byte of the body, not with the headers.
"""

from collections.abc import AsyncIterator
from typing import Any, ClassVar, cast

from loadgen.clients import LINES, Failures, Info, Sink, choice, connecting, trust
from loadgen.model import Cell, Outcome, Request

OPTIONS: dict[str, Any] = {"accept_encoding": None, "stream": True, "quote": False}
VERSIONS = {1: "1.0", 2: "1.1", 3: "2", 30: "3"}  # by libcurl's numbers
TOTAL_TIMEOUT_MARGIN_MS = 1000  # the library's total timeout is that much later than the engine's


class CurlCffiAsync:
    INFO: ClassVar = Info(
        name="curl_cffi-async",
        mode="tasks",
        distribution="curl_cffi",
        extra="curl_cffi",
        options=LINES,
        http=("1.1", "2"),
    )

    def __init__(self, cell: Cell) -> None:
        from curl_cffi import CurlInfo, CurlOpt
        from curl_cffi.requests import AsyncSession, Response
        from curl_cffi.requests.exceptions import RequestException

        self.failures: Failures = (
            (RequestException, "curl: (28)", Outcome.CONNECT_TIMEOUT),
            (RequestException, "curl: (6)", Outcome.UNRESOLVED),
            (RequestException, "curl: (7)", Outcome.REFUSED),
            (RequestException, "curl: (18)", Outcome.TRUNCATED),
            (RequestException, "curl: (52)", Outcome.TRUNCATED),
            (RequestException, "reset by peer", Outcome.RESET),
            (RequestException, "chunk", Outcome.UNDECODABLE),
            (RequestException, "curl: (1)", Outcome.UNDECODABLE),
            (RequestException, "curl: (8)", Outcome.UNDECODABLE),
        )
        self._connects = CurlInfo.NUM_CONNECTS
        self._sent = CurlInfo.PRETRANSFER_TIME
        self._times = CurlInfo.NAMELOOKUP_TIME, CurlInfo.CONNECT_TIME, CurlInfo.APPCONNECT_TIME
        timeouts, is_new = cell.workload.timeouts, int(cell.workload.connections == "new")
        self._session: Any = AsyncSession(
            max_clients=cell.max_streams,
            timeout=0,
            curl_options={
                CurlOpt.CONNECTTIMEOUT_MS: round(timeouts.connect * 1000),
                # A stream that the engine ends before its headers continues inside the library until then.
                CurlOpt.FRESH_CONNECT: is_new,
                CurlOpt.FORBID_REUSE: is_new,
                CurlOpt.TIMEOUT_MS: round(timeouts.total * 1000) + TOTAL_TIMEOUT_MARGIN_MS,
            },
            allow_redirects=False,
            discard_cookies=True,
            trust_env=False,
            cert=(cell.tls.cert, cell.tls.key or cell.tls.cert) if cell.tls.cert else None,
            http_version="v1" if cell.workload.http == "1.1" else "v2_prior_knowledge",
            verify=cast(Any, trust.certificates(cell) or cell.tls.verify),
        )
        self._read: Any = _lines if choice(cell.client, "lines") == "native" else Response.aiter_content

    async def stream(self, request: Request, sink: Sink) -> None:
        response: Any = None
        try:
            response = await self._session.request(
                request.method, request.url, headers=request.headers, data=request.body, **OPTIONS
            )
            info = response.curl.getinfo
            if info(self._connects):
                connecting.of_curl([*map(info, self._times)], request.url, sink)
            sent = round(info(self._sent) * 1e9)
            sink.connection(
                http=VERSIONS.get(response.http_version, ""), port=response.local_port, sent_ns=sent
            )
            sink.headers(response.status_code, response.headers.get)
            on_data = sink.data
            async for chunk in self._read(response):
                on_data(chunk)
        finally:
            if response is None:
                # Its handle is still in use; put another one into the pool.
                self._session.push_curl(None)
            else:
                response.astream_task.cancel()


async def _lines(response: Any) -> AsyncIterator[bytes]:
    async for line in response.aiter_lines():
        yield line + b"\n"
