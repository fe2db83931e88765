"""httpx's AsyncClient on the transport of ``httpx-aiohttp``, which sends by aiohttp."""

from functools import partial
from typing import Any, ClassVar

from loadgen.clients import LIMITS, LINES, Info, Sink, connecting
from loadgen.clients import aiohttp as below
from loadgen.clients.httpx import HttpxAsync, no_cookies, settings
from loadgen.model import Cell, Request


class HttpxAiohttp(HttpxAsync):
    INFO: ClassVar = Info(
        name="httpx-aiohttp",
        mode="tasks",
        distribution="httpx-aiohttp",
        extra="httpx-aiohttp",
        options={**LIMITS, **LINES},
        modules=("httpx", "httpx_aiohttp"),
    )

    def _make(self, httpx: Any, cell: Cell) -> Any:
        from httpx_aiohttp import HttpxAiohttpClient

        self.failures = below.failures()  # those of httpx are made of them: a reset is a ConnectTimeout there
        return on_aiohttp(HttpxAiohttpClient(**settings(httpx, cell, "tasks"), cookies=no_cookies()), cell)

    async def stream(self, request: Request, sink: Sink) -> None:
        connecting.sink.set(sink)
        await super().stream(request, sink)

    def _report(self, response: Any, sink: Sink) -> None:
        report(response, sink)


def on_aiohttp(client: Any, cell: Cell) -> Any:
    """Give a Client of httpx a session of aiohttp that keeps no cookies and sends URLs as they are; return it."""
    import aiohttp
    import yarl

    limits = client._transport.limits  # the transport takes none for aiohttp's default, which is 100
    connector = below.connector(
        cell, limit=limits.max_connections or 0, keepalive_timeout=limits.keepalive_expiry
    )
    session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
    session._build_url = partial(yarl.URL, encoded=True)  # type: ignore[method-assign]
    client._transport.client = session
    return client


def report(response: Any, sink: Sink) -> None:
    """Report the connection and the status of a response of httpx that aiohttp has received."""
    below.report(response.stream._stream._aiohttp_response, sink)
