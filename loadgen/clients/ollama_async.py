"""The ollama SDK, on an event loop. It hands over objects, not bytes: see :mod:`loadgen.clients.ollama_sync`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, ClassVar, NamedTuple

import httpx
import ollama

from loadgen.clients import Answered, AsyncCall, Failures, Read
from loadgen.clients.cookies import no_cookies
from loadgen.clients.httpx_sync import LIMITS
from loadgen.clients.ollama_sync import FAILURES, line, own_headers
from loadgen.model import Cell, Request


class _Call(NamedTuple):
    """What the hooks must know of the request that their task is in."""

    request: Request
    answered: Answered
    read: Read


class OllamaAsync:
    """See :class:`loadgen.clients.AsyncClient`."""

    failures: ClassVar[Failures] = FAILURES

    def __init__(self, cell: Cell) -> None:
        self._sdk = ollama.AsyncClient(
            host=cell.url,
            timeout=httpx.Timeout(None, connect=cell.workload.timeouts.connect),
            limits=LIMITS,
            verify=httpx.create_ssl_context(trust_env=False),
            cookies=no_cookies(),
            trust_env=False,
            follow_redirects=False,
            event_hooks={"request": [self._asked], "response": [self._answered]},
        )
        self._ask: Any = self._sdk.chat if cell.workload.protocol == "ollama-chat" else self._sdk.generate
        self._call: ContextVar[_Call] = ContextVar("call")

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[AsyncCall]:
        yield partial(self._run, request)

    async def _run(self, request: Request, answered: Answered, read: Read) -> None:
        self._call.set(_Call(request, answered, read))
        body = json.loads(request.body)
        given = await self._ask(**body)
        if not body["stream"]:
            read(line(given))
            return
        async for part in given:
            read(line(part))

    async def _asked(self, sent: httpx.Request) -> None:
        own_headers(sent, self._call.get().request)

    async def _answered(self, response: httpx.Response) -> None:
        call = self._call.get()
        call.answered(response.status_code)
        if not response.is_success:
            async for chunk in response.aiter_raw():
                call.read(chunk)

    async def close(self) -> None:
        await self._sdk.close()  # type: ignore[no-untyped-call]
