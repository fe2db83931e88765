"""curl_cffi's AsyncSession, on an event loop: libcurl's multi handle, which hands over through a queue.

It tells the status with the first byte of the body, not with the headers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar, cast

from curl_cffi import CurlOpt
from curl_cffi.requests import AsyncSession, Response
from curl_cffi.requests.exceptions import RequestException
from curl_cffi.requests.session import HttpMethod

from loadgen.clients import AsyncResponse, Failures, choice
from loadgen.model import Cell, Outcome, Request

LATER = 1000  # ms that the library may outlast the engine's total timeout


class CurlCffiAsync:
    """See :class:`loadgen.clients.AsyncClient`."""

    failures: ClassVar[Failures] = (
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

    def __init__(self, cell: Cell) -> None:
        self._session: AsyncSession[Response] = AsyncSession(
            max_clients=cell.max_streams,
            timeout=0,
            curl_options={
                CurlOpt.CONNECTTIMEOUT_MS: round(cell.workload.timeouts.connect * 1000),
                # What is ended before its headers goes on inside the library.
                CurlOpt.TIMEOUT_MS: round(cell.workload.timeouts.total * 1000) + LATER,
            },
            allow_redirects=False,
            discard_cookies=True,
            trust_env=False,
        )
        self._read = lines if choice(cell.client, "lines") == "native" else Response.aiter_content

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[AsyncResponse]:
        response = None
        try:
            response = await self._session.request(
                cast(HttpMethod, request.method),
                request.url,
                headers={"Accept-Encoding": "identity", **request.headers},
                data=request.body,
                accept_encoding=None,
                stream=True,
            )
            yield AsyncResponse(response.status_code, self._read(response))
        finally:
            if response is None:
                # Its handle is still in use: another takes its place.
                self._session.push_curl(None)
            else:
                cast(asyncio.Task[None], response.astream_task).cancel()

    async def close(self) -> None:
        await self._session.close()


async def lines(response: Response) -> AsyncIterator[bytes]:
    """The body as the library's own lines."""
    async for line in response.aiter_lines():  # type: ignore[no-untyped-call]
        yield line + b"\n"
