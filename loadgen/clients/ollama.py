"""The ollama SDK, on threads and on an event loop. It is built on httpx and delivers objects, not bytes.

:func:`line` encodes each object again for the common decoder, which takes a few microseconds per object and counts as
the client's. The SDK encodes the body of the request itself, with the same values.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from loadgen.clients import Failures, Info, Sink
from loadgen.clients.httpx import failures, no_cookies, settings
from loadgen.clients.sdk import Hooks
from loadgen.model import Cell, Outcome, Request

if TYPE_CHECKING:
    from pydantic import BaseModel


class _Ollama:
    INFO: ClassVar[Info]

    def __init__(self, cell: Cell) -> None:
        import httpx
        import ollama
        from pydantic import ValidationError

        self.failures: Failures = (
            *failures(httpx),
            (ollama.ResponseError, "", Outcome.SERVER_ERROR),
            (json.JSONDecodeError, "", Outcome.UNDECODABLE),
            (ValidationError, "", Outcome.UNDECODABLE),
        )
        self._hooks = Hooks("Authorization")  # of OLLAMA_API_KEY
        mode = self.INFO.mode
        make: Any = ollama.AsyncClient if mode == "tasks" else ollama.Client
        sdk = make(
            host=cell.url,
            **settings(httpx, cell, mode),
            cookies=no_cookies(),
            follow_redirects=False,
            event_hooks=self._hooks.event_hooks(mode),
        )
        self._send = sdk.chat if cell.workload.protocol == "ollama-chat" else sdk.generate


class OllamaSync(_Ollama):
    """See :class:`loadgen.clients.SyncClient`."""

    INFO: ClassVar = Info(
        name="ollama-sync",
        mode="threads",
        distribution="ollama",
        extra="ollama",
        protocols=("ollama-generate", "ollama-chat"),
    )

    def stream(self, request: Request, sink: Sink) -> None:
        self._hooks.begin(request, sink)
        body = json.loads(request.body)
        answer = self._send(**body)
        for part in answer if body["stream"] else [answer]:
            sink.data(line(part))


class OllamaAsync(_Ollama):
    """See :class:`loadgen.clients.AsyncClient`."""

    INFO: ClassVar = replace(OllamaSync.INFO, name="ollama-async", mode="tasks")

    async def stream(self, request: Request, sink: Sink) -> None:
        self._hooks.begin(request, sink)
        body = json.loads(request.body)
        answer = await self._send(**body)
        if not body["stream"]:
            sink.data(line(answer))
            return
        async for part in answer:
            sink.data(line(part))


def line(part: BaseModel) -> bytes:
    """Return an object of the SDK as a line of JSON, as the server sends it."""
    return part.model_dump_json(exclude_none=True).encode() + b"\n"
