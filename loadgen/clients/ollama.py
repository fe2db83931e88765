"""The ollama SDK, on threads and on an event loop, built on httpx."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from loadgen.clients import Failures, Info
from loadgen.clients.httpx import failures, no_cookies, settings
from loadgen.clients.sdk import AsyncSdk, Sdk, SyncSdk
from loadgen.model import Cell, Outcome


class _Ollama(Sdk):
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
        mode = self.INFO.mode
        make: Any = ollama.Client if mode == "threads" else ollama.AsyncClient
        own = settings(httpx, cell, mode)
        sdk = make(
            host=cell.url, **own, cookies=no_cookies(), follow_redirects=False, event_hooks=self._hooks()
        )
        self._send = sdk.chat if cell.workload.protocol == "ollama-chat" else sdk.generate

    def _on_response(self, response: Any) -> None:
        super()._on_response(response)
        response.iter_lines = partial(_noted, response.iter_lines, self._current.get())

    async def _async_on_response(self, response: Any) -> None:
        await super()._async_on_response(response)
        response.aiter_lines = partial(_async_noted, response.aiter_lines, self._current.get())


def _noted(lines: Any, call: Any) -> Iterator[str]:
    for line in lines():
        call.read = line.encode() + b"\n"
        yield line


async def _async_noted(lines: Any, call: Any) -> AsyncIterator[str]:
    async for line in lines():
        call.read = line.encode() + b"\n"
        yield line


class OllamaSync(_Ollama, SyncSdk):
    INFO: ClassVar = Info(
        name="ollama-sync",
        mode="threads",
        distribution="ollama",
        extra="ollama",
        protocols=("ollama-generate", "ollama-chat"),
        http=("1.1", "2"),
    )


class OllamaAsync(_Ollama, AsyncSdk):
    INFO: ClassVar = replace(OllamaSync.INFO, name="ollama-async", mode="tasks")
