"""The OpenAI SDK, on threads and on an event loop. It is built on httpx2 and hands over objects, not bytes.

Each object is turned back into a server-sent event at the moment the SDK hands it over, so that the same decoder and
the same clock see it: :func:`event` costs some microseconds per object, which count as the client's. The SDK writes
the body of the request itself, with the same values, and keeps ``[DONE]`` to itself: a stream is complete when it
ended after a ``finish_reason``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from loadgen.clients import Failures, Info, Sink
from loadgen.clients.httpx import failures, headers_timeout, no_cookies, settings
from loadgen.clients.sdk import Hooks
from loadgen.model import Cell, Outcome, Request

if TYPE_CHECKING:
    from openai import BaseModel
    from openai.types.chat import ChatCompletionChunk

DONE = b"data: [DONE]\n\n"


class _Openai:
    def __init__(self, cell: Cell, kind: str, http_kind: str, read: float | None = None) -> None:
        import httpx2
        import openai

        self.failures: Failures = (
            *failures(httpx2),
            (ConnectionResetError, "", Outcome.RESET),
            (BrokenPipeError, "", Outcome.RESET),
            (openai.APIConnectionError, "", Outcome.FAILED),
            (openai.APIError, "", Outcome.SERVER_ERROR),
            (json.JSONDecodeError, "", Outcome.UNDECODABLE),
            (UnicodeDecodeError, "", Outcome.UNDECODABLE),
        )
        self._hooks = Hooks("Authorization", "OpenAI-Organization", "OpenAI-Project")
        own = settings(httpx2, cell, read)
        http_client = getattr(httpx2, http_kind)(
            **own,
            cookies=no_cookies(),
            event_hooks=self._hooks.sync_hooks if kind == "OpenAI" else self._hooks.async_hooks,
        )
        sdk: Any = getattr(openai, kind)(
            base_url=base_url(cell),
            api_key="-",  # the hooks take it out again
            timeout=own["timeout"],
            max_retries=0,
            http_client=http_client,
        )
        self._send = sdk.chat.completions.create


class OpenaiSync(_Openai):
    """See :class:`loadgen.clients.SyncClient`."""

    INFO: ClassVar = Info(
        name="openai-sync",
        mode="threads",
        distribution="openai",
        extra="openai",
        protocols=("openai-chat",),
    )

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell, "OpenAI", "Client", headers_timeout(cell))

    def stream(self, request: Request, sink: Sink) -> None:
        self._hooks.begin(request, sink)
        body = arguments(request)
        answer = self._send(**body)
        if not body["stream"]:
            sink.data(answer.to_json(indent=None).encode())
            return
        finished = False
        for chunk in answer:
            sink.data(event(chunk))
            finished = finished or is_last(chunk)
        if finished:
            sink.data(DONE)


class OpenaiAsync(_Openai):
    """See :class:`loadgen.clients.AsyncClient`."""

    INFO: ClassVar = replace(OpenaiSync.INFO, name="openai-async", mode="tasks")

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell, "AsyncOpenAI", "AsyncClient")

    async def stream(self, request: Request, sink: Sink) -> None:
        self._hooks.begin(request, sink)
        body = arguments(request)
        answer = await self._send(**body)
        if not body["stream"]:
            sink.data(answer.to_json(indent=None).encode())
            return
        finished = False
        async for chunk in answer:
            sink.data(event(chunk))
            finished = finished or is_last(chunk)
        if finished:
            sink.data(DONE)


def base_url(cell: Cell) -> str:
    """Return the target as the SDK wants it, with the version."""
    url = cell.url.rstrip("/")
    return url if url.endswith("/v1") else f"{url}/v1"


def arguments(request: Request) -> dict[str, Any]:
    """Return the body of the request as arguments of the SDK's ``create``."""
    body = json.loads(request.body)
    own = {name: body.pop(name) for name in ("model", "messages", "stream")}
    return {**own, "extra_body": body}


def event(chunk: BaseModel) -> bytes:
    """Return an object of the SDK as an event of the server's."""
    return b"data: " + chunk.to_json(indent=None, warnings=False).encode() + b"\n\n"


def is_last(chunk: ChatCompletionChunk) -> bool:
    """Return whether the server says here why it ends."""
    return any(choice.finish_reason for choice in chunk.choices)
