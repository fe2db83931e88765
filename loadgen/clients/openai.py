"""The OpenAI SDK, on threads and on an event loop, built on httpx2."""

import json
from dataclasses import replace
from typing import Any, ClassVar

from loadgen.clients import Failures, Info
from loadgen.clients.httpx import failures, no_cookies, settings
from loadgen.clients.sdk import AsyncSdk, Sdk, SyncSdk, note_async_events, note_events
from loadgen.model import Cell, Outcome, Request


class Openai(Sdk):
    """The SDK; what stands on it differs in ``_make`` and ``_method``."""

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
        note_events(openai.Stream)
        note_async_events(openai.AsyncStream)
        self._send = self._method(self._make(cell))

    def _make(self, cell: Cell) -> Any:
        import openai

        sdk: Any = openai.OpenAI if self.INFO.mode == "threads" else openai.AsyncOpenAI
        return sdk(**self._settings(cell))

    def _method(self, client: Any) -> Any:
        return client.chat.completions.create

    def _settings(self, cell: Cell) -> dict[str, Any]:
        """Return the arguments of the SDK's client."""
        import httpx2

        http: Any = httpx2.Client if self.INFO.mode == "threads" else httpx2.AsyncClient
        own = settings(httpx2, cell, self.INFO.mode)
        return {
            "base_url": cell.url,
            "api_key": "-",  # removed by the hooks
            "timeout": own["timeout"],
            "max_retries": 0,
            "http_client": http(**own, cookies=no_cookies(), event_hooks=self._hooks()),
        }

    def _arguments(self, request: Request) -> dict[str, Any]:
        body = {"model": "", "messages": [], **json.loads(request.body)}
        own = {name: body.pop(name) for name in ("model", "messages")}
        return {**own, "stream": self._is_stream, "extra_body": body}


class OpenaiSync(Openai, SyncSdk):
    INFO: ClassVar = Info(
        name="openai-sync",
        mode="threads",
        distribution="openai",
        extra="openai",
        protocols=("openai-chat",),
        http=("1.1", "2"),
    )


class OpenaiAsync(Openai, AsyncSdk):
    INFO: ClassVar = replace(OpenaiSync.INFO, name="openai-async", mode="tasks")
