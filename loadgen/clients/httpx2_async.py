"""httpx2's AsyncClient, on an event loop: httpx continued by others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import httpx2

from loadgen.clients import AsyncResponse, Failures, choice
from loadgen.clients.cookies import no_cookies
from loadgen.clients.httpx2_sync import FAILURES, LIMITS
from loadgen.model import Cell, Request


class Httpx2Async:
    """See :class:`loadgen.clients.AsyncClient`."""

    failures: ClassVar[Failures] = FAILURES

    def __init__(self, cell: Cell) -> None:
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(None, connect=cell.workload.timeouts.connect),
            limits=LIMITS,
            verify=httpx2.create_ssl_context(trust_env=False),
            cookies=no_cookies(),
            trust_env=False,
        )
        self._read = lines if choice(cell.client, "lines") == "native" else httpx2.Response.aiter_raw

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[AsyncResponse]:
        async with self._client.stream(
            request.method,
            request.url,
            headers={"Accept-Encoding": "identity", **request.headers},
            content=request.body,
        ) as response:
            yield AsyncResponse(response.status_code, self._read(response))

    async def close(self) -> None:
        await self._client.aclose()


async def lines(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The body as the library's own lines, which are text."""
    async for line in response.aiter_lines():
        yield line.encode() + b"\n"
