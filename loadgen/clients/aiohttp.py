"""aiohttp's ClientSession, on an event loop."""

from functools import partial
from typing import ClassVar

from loadgen.clients import LINES, Failures, Info, Sink, choice, trust
from loadgen.model import Cell, Outcome, Request


class Aiohttp:
    INFO: ClassVar = Info(
        name="aiohttp", mode="tasks", distribution="aiohttp", extra="aiohttp", options=LINES
    )

    def __init__(self, cell: Cell) -> None:
        import aiohttp
        import yarl

        self.failures: Failures = (
            (aiohttp.ConnectionTimeoutError, "", Outcome.CONNECT_TIMEOUT),
            (aiohttp.ServerDisconnectedError, "", Outcome.TRUNCATED),
            (aiohttp.ClientPayloadError, "ConnectionResetError", Outcome.RESET),
            (aiohttp.ClientPayloadError, "not completed", Outcome.TRUNCATED),
            (aiohttp.ClientPayloadError, "Not enough data", Outcome.TRUNCATED),
            (aiohttp.ClientPayloadError, "", Outcome.UNDECODABLE),
            (aiohttp.ClientResponseError, "", Outcome.UNDECODABLE),
        )
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=trust.context(cell)),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=cell.workload.timeouts.connect),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        self._url = partial(yarl.URL, encoded=True)  # else it writes the URL in a form of its own
        self._native = choice(cell.client, "lines") == "native"

    async def stream(self, request: Request, sink: Sink) -> None:
        async with self._session.request(
            request.method,
            self._url(request.url),
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
        ) as response:
            # none where the body is already complete
            if response.connection and response.connection.transport:
                sink.connected(response.connection.transport.get_extra_info("socket"))
            sink.headers(response.status, response.headers.get)
            on_data, body = sink.data, response.content
            async for chunk in body if self._native else body.iter_any():
                on_data(chunk)
