"""The ollama SDK, on threads and on an event loop, built on httpx."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from loadgen.clients import LIMITS, Failures, Info
from loadgen.clients.httpx import failures, no_cookies, settings
from loadgen.clients.sdk import AsyncSdk, Sdk, SyncSdk, current
from loadgen.model import Cell, Outcome


class Ollama(Sdk):
    """The SDK; what stands on it differs in ``_make`` and ``_method``."""

    def __init__(self, cell: Cell) -> None:
        import httpx
        import ollama
        from pydantic import ValidationError

        super().__init__(cell)
        self.failures: Failures = (
            *failures(httpx),
            (ollama.ResponseError, "", Outcome.SERVER_ERROR),
            (json.JSONDecodeError, "", Outcome.UNDECODABLE),
            (ValidationError, "", Outcome.UNDECODABLE),
        )
        own = {
            **settings(httpx, cell, self.INFO.mode, pool=None),
            "cookies": no_cookies(),
            "follow_redirects": False,
            "event_hooks": self._hooks(),
        }
        self._send = self._method(self._make(cell, own))

    def _make(self, cell: Cell, own: dict[str, Any]) -> Any:
        import ollama

        make: Any = ollama.Client if self.INFO.mode == "threads" else ollama.AsyncClient
        self._is_chat = cell.workload.protocol == "ollama-chat"
        return make(host=cell.url, **own)

    def _method(self, client: Any) -> Any:
        return client.chat if self._is_chat else client.generate

    def _on_response(self, response: Any) -> None:
        super()._on_response(response)
        response.iter_lines = partial(_noted, response.iter_lines, current.get())

    async def _async_on_response(self, response: Any) -> None:
        await super()._async_on_response(response)
        response.aiter_lines = partial(_async_noted, response.aiter_lines, current.get())


def _noted(lines: Any, call: Any) -> Iterator[str]:
    for line in lines():
        call.read += line.encode() + b"\n"
        yield line


async def _async_noted(lines: Any, call: Any) -> AsyncIterator[str]:
    async for line in lines():
        call.read += line.encode() + b"\n"
        yield line


class OllamaSync(Ollama, SyncSdk):
    INFO: ClassVar = Info(
        name="ollama-sync",
        mode="threads",
        distribution="ollama",
        extra="ollama",
        options=LIMITS,
        protocols=("ollama-generate", "ollama-chat"),
        http=("1.1", "2"),
    )


class OllamaAsync(Ollama, AsyncSdk):
    INFO: ClassVar = replace(OllamaSync.INFO, name="ollama-async", mode="tasks")
