"""The OpenAI SDK, on threads and on an event loop, built on httpx2."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from loadgen.clients import Failures, Info
from loadgen.clients.httpx import failures, no_cookies, settings
from loadgen.clients.sdk import AsyncSdk, Sdk, SyncSdk
from loadgen.model import Cell, Outcome, Request


class _Openai(Sdk):
    def __init__(self, cell: Cell) -> None:
        import httpx2
        import openai

        super().__init__(cell)
        self.failures: Failures = (
            *failures(httpx2),
            (ConnectionResetError, "", Outcome.RESET),
            (BrokenPipeError, "", Outcome.RESET),
            (openai.APIConnectionError, "", Outcome.FAILED),
            (openai.APIError, "", Outcome.SERVER_ERROR),
            (json.JSONDecodeError, "", Outcome.UNDECODABLE),
            (UnicodeDecodeError, "", Outcome.UNDECODABLE),
        )
        mode = self.INFO.mode
        sdk: Any = openai.OpenAI if mode == "threads" else openai.AsyncOpenAI
        http: Any = httpx2.Client if mode == "threads" else httpx2.AsyncClient
        own = settings(httpx2, cell, mode)
        client = sdk(
            base_url=cell.url,
            api_key="-",  # removed by the hooks
            timeout=own["timeout"],
            max_retries=0,
            http_client=http(**own, cookies=no_cookies(), event_hooks=self._hooks()),
        )
        self._send = client.chat.completions.create

    def _arguments(self, request: Request) -> dict[str, Any]:
        body = {"model": "", "messages": [], **json.loads(request.body)}
        own = {name: body.pop(name) for name in ("model", "messages")}
        return {**own, "stream": self._is_stream, "extra_body": body}

    def _watch(self, answer: Any, call: Any) -> None:
        # The SDK delivers neither the end nor an event's type, and not every error as one.
        events = answer._iter_events
        answer._iter_events = partial(_noted if self.INFO.mode == "threads" else _async_noted, events, call)


def _noted(events: Any, call: Any) -> Iterator[Any]:
    for event in events():
        call.read = _encoded(event)
        yield event


async def _async_noted(events: Any, call: Any) -> AsyncIterator[Any]:
    async for event in events():
        call.read = _encoded(event)
        yield event


def _encoded(event: Any) -> bytes:
    """Return an event as the server sent it."""
    kind = f"event: {event.event}\n" if event.event else ""
    data = event.data.replace("\n", "\ndata: ")
    return f"{kind}data: {data}\n\n".encode()


class OpenaiSync(_Openai, SyncSdk):
    INFO: ClassVar = Info(
        name="openai-sync",
        mode="threads",
        distribution="openai",
        extra="openai",
        protocols=("openai-chat",),
        http=("1.1", "2"),
    )


class OpenaiAsync(_Openai, AsyncSdk):
    INFO: ClassVar = replace(OpenaiSync.INFO, name="openai-async", mode="tasks")
