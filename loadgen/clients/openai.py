"""The OpenAI SDK, on threads and on an event loop, built on httpx2.

It does not deliver ``[DONE]``: a stream is complete when it ended after a ``finish_reason``.
"""

import json
from dataclasses import replace
from typing import Any, ClassVar

from loadgen.clients import Failures, Info
from loadgen.clients.httpx import failures, no_cookies, settings
from loadgen.clients.sdk import AsyncSdk, Sdk, SyncSdk
from loadgen.model import Cell, Outcome, Request


class _Openai(Sdk):
    UNWANTED = ("Authorization", "OpenAI-Organization", "OpenAI-Project")
    _end = b"data: [DONE]\n\n"

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

    def _encode(self, part: Any) -> bytes:
        body: bytes = part.to_json(indent=None, warnings=False).encode()
        return b"data: " + body + b"\n\n" if self._is_stream else body

    def _is_last(self, part: Any) -> bool:
        return any(choice.finish_reason for choice in part.choices)


class OpenaiSync(_Openai, SyncSdk):
    INFO: ClassVar = Info(
        name="openai-sync",
        mode="threads",
        distribution="openai",
        extra="openai",
        protocols=("openai-chat",),
    )


class OpenaiAsync(_Openai, AsyncSdk):
    INFO: ClassVar = replace(OpenaiSync.INFO, name="openai-async", mode="tasks")
