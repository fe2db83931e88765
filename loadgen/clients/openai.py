"""The OpenAI SDK, on threads and on an event loop. It is built on httpx2 and delivers objects, not bytes.

:func:`event` encodes each object again for the common decoder, which takes some microseconds per object and counts as
the client's. The SDK encodes the body of the request itself, with the same values. It does not deliver ``[DONE]``: a
stream is complete when it ended after a ``finish_reason``.
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
    from openai import BaseModel
    from openai.types.chat import ChatCompletionChunk

DONE = b"data: [DONE]\n\n"


class _Openai:
    INFO: ClassVar[Info]

    def __init__(self, cell: Cell) -> None:
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
        mode, url = self.INFO.mode, cell.url.rstrip("/")
        own = settings(httpx2, cell, mode)
        hooks = self._hooks.event_hooks(mode)
        sdk: Any
        http: Any
        sdk, http = (
            (openai.OpenAI, httpx2.Client) if mode == "threads" else (openai.AsyncOpenAI, httpx2.AsyncClient)
        )
        client = sdk(
            base_url=url if url.endswith("/v1") else f"{url}/v1",
            api_key="-",  # removed by the hooks
            timeout=own["timeout"],
            max_retries=0,
            http_client=http(**own, cookies=no_cookies(), event_hooks=hooks),
        )
        self._send = client.chat.completions.create


class OpenaiSync(_Openai):
    """See :class:`loadgen.clients.SyncClient`."""

    INFO: ClassVar = Info(
        name="openai-sync",
        mode="threads",
        distribution="openai",
        extra="openai",
        protocols=("openai-chat",),
    )

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


def arguments(request: Request) -> dict[str, Any]:
    """Return the body of the request as arguments of the SDK's ``create``."""
    body = json.loads(request.body)
    own = {name: body.pop(name) for name in ("model", "messages", "stream")}
    return {**own, "extra_body": body}


def event(chunk: BaseModel) -> bytes:
    """Return an object of the SDK as an event, as the server sends it."""
    return b"data: " + chunk.to_json(indent=None, warnings=False).encode() + b"\n\n"


def is_last(chunk: ChatCompletionChunk) -> bool:
    """Return whether the object has a ``finish_reason``."""
    return any(choice.finish_reason for choice in chunk.choices)
