"""The OpenAI SDK, on threads and on an event loop, built on httpx2; or there on aiohttp, as the SDK offers it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from loadgen.clients import LIMITS, Failures, Info, Sink, connecting
from loadgen.clients import aiohttp as below
from loadgen.clients.event_sdk import EventSdk
from loadgen.clients.httpx_aiohttp import on_aiohttp, report
from loadgen.clients.sdk import AsyncSdk, SyncSdk, current
from loadgen.model import Cell

# The required arguments of the method for each protocol, with what stands for them in a request without.
REQUIRED: Mapping[str, Mapping[str, Any]] = {
    "openai-chat": {"model": "", "messages": []},
    "openai-completions": {"model": "", "prompt": ""},
    "openai-responses": {"model": "", "input": ""},
}


class Openai(EventSdk):
    """The SDK; what stands on it differs in ``_make`` and ``_method``."""

    def __init__(self, cell: Cell) -> None:
        import openai

        self._protocol = cell.workload.protocol
        super().__init__(cell, openai, REQUIRED[self._protocol])

    def _make(self, cell: Cell) -> Any:
        import openai

        sdk: Any = openai.OpenAI if self.INFO.mode == "threads" else openai.AsyncOpenAI
        return sdk(**self._settings(cell))

    def _method(self, client: Any) -> Any:
        methods = {"openai-completions": client.completions, "openai-responses": client.responses}
        return methods.get(self._protocol, client.chat.completions).create


class OpenaiSync(Openai, SyncSdk):
    INFO: ClassVar = Info(
        name="openai-sync",
        mode="threads",
        distribution="openai",
        extra="openai",
        options=LIMITS,
        protocols=tuple(REQUIRED),
        http=("1.1", "2"),
    )


class OpenaiAsync(Openai, AsyncSdk):
    INFO: ClassVar = replace(OpenaiSync.INFO, name="openai-async", mode="tasks")


class OpenaiAiohttp(Openai, AsyncSdk):
    INFO: ClassVar = replace(OpenaiAsync.INFO, name="openai-aiohttp", extra="openai-aiohttp", http=("1.1",))

    def _below(self) -> Failures:
        return below.failures()

    def _http_client(self, cell: Cell, **own: Any) -> Any:
        import openai

        return on_aiohttp(openai.DefaultAioHttpClient(**own, follow_redirects=False), cell)

    def _on_request(self, sent: Any) -> None:
        super()._on_request(sent)
        connecting.sink.set(current.get().sink)

    def _report(self, response: Any, sink: Sink) -> None:
        report(response, sink)
