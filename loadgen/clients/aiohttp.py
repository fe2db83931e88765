"""aiohttp's ClientSession, on an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import aiohttp

from loadgen.clients import AsyncResponse, Failures, choice
from loadgen.model import Cell, Outcome, Request


class Aiohttp:
    """See :class:`loadgen.clients.AsyncClient`."""

    failures: ClassVar[Failures] = (
        (aiohttp.ConnectionTimeoutError, "", Outcome.CONNECT_TIMEOUT),
        (aiohttp.ServerDisconnectedError, "", Outcome.TRUNCATED),
        (aiohttp.ClientPayloadError, "ConnectionResetError", Outcome.RESET),
        (aiohttp.ClientPayloadError, "not completed", Outcome.TRUNCATED),
        (aiohttp.ClientPayloadError, "Not enough data", Outcome.TRUNCATED),
        (aiohttp.ClientPayloadError, "", Outcome.UNDECODABLE),
        (aiohttp.ClientResponseError, "", Outcome.UNDECODABLE),
    )

    def __init__(self, cell: Cell) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=cell.workload.timeouts.connect),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        self._native = choice(cell.client, "lines") == "native"

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[AsyncResponse]:
        async with self._session.request(
            request.method,
            request.url,
            headers={"Accept-Encoding": "identity", **request.headers},
            data=request.body,
            allow_redirects=False,
        ) as response:
            body = response.content
            yield AsyncResponse(response.status, aiter(body) if self._native else body.iter_any())

    async def close(self) -> None:
        await self._session.close()
