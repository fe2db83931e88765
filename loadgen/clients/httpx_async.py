"""httpx's AsyncClient, on an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import httpx

from loadgen.clients import AsyncResponse, Failures
from loadgen.clients.httpx_sync import FAILURES, LIMITS, no_cookies
from loadgen.model import Cell, Request


class HttpxAsync:
    """See :class:`loadgen.clients.AsyncClient`."""

    failures: ClassVar[Failures] = FAILURES

    def __init__(self, cell: Cell) -> None:
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(None, connect=cell.timeouts.connect),
            limits=LIMITS,
            verify=httpx.create_ssl_context(trust_env=False),
            cookies=no_cookies(),
            trust_env=False,
        )

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[AsyncResponse]:
        async with self._client.stream(
            request.method,
            request.url,
            headers={"Accept-Encoding": "identity", **request.headers},
            content=request.body,
        ) as response:
            yield AsyncResponse(response.status_code, response.aiter_raw())

    async def close(self) -> None:
        await self._client.aclose()
