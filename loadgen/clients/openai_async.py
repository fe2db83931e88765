"""The OpenAI SDK, on an event loop. It hands over objects, not bytes: see :mod:`loadgen.clients.openai_sync`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import ClassVar, NamedTuple

import httpx2
import openai

from loadgen.clients import Answered, AsyncCall, Failures, Read
from loadgen.clients.cookies import no_cookies
from loadgen.clients.httpx2_sync import LIMITS
from loadgen.clients.openai_sync import DONE, FAILURES, arguments, base_url, event, is_last, own_headers
from loadgen.model import Cell, Request


class _Call(NamedTuple):
    """What the hooks must know of the request that their task is in."""

    request: Request
    answered: Answered
    read: Read


class OpenaiAsync:
    """See :class:`loadgen.clients.AsyncClient`."""

    failures: ClassVar[Failures] = FAILURES

    def __init__(self, cell: Cell) -> None:
        timeout = httpx2.Timeout(None, connect=cell.workload.timeouts.connect)
        self._sdk = openai.AsyncOpenAI(
            base_url=base_url(cell),
            api_key="-",  # taken out again, see own_headers
            timeout=timeout,
            max_retries=0,
            http_client=httpx2.AsyncClient(
                timeout=timeout,
                limits=LIMITS,
                verify=httpx2.create_ssl_context(trust_env=False),
                cookies=no_cookies(),
                trust_env=False,
                event_hooks={"request": [self._asked], "response": [self._answered]},
            ),
        )
        self._call: ContextVar[_Call] = ContextVar("call")

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[AsyncCall]:
        yield partial(self._run, request)

    async def _run(self, request: Request, answered: Answered, read: Read) -> None:
        self._call.set(_Call(request, answered, read))
        asked = arguments(request)
        given = await self._sdk.chat.completions.create(**asked)
        if not asked["stream"]:
            read(given.to_json(indent=None).encode())
            return
        finished = False
        async for chunk in given:
            read(event(chunk))
            finished = finished or is_last(chunk)
        if finished:
            read(DONE)

    async def _asked(self, sent: httpx2.Request) -> None:
        own_headers(sent, self._call.get().request)

    async def _answered(self, response: httpx2.Response) -> None:
        call = self._call.get()
        call.answered(response.status_code)
        if not response.is_success:
            async for chunk in response.aiter_raw():
                call.read(chunk)

    async def close(self) -> None:
        await self._sdk.close()
