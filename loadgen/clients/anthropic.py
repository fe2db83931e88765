"""The Anthropic SDK, on threads and on an event loop, built on httpx2."""

from dataclasses import replace
from typing import Any, ClassVar

from loadgen.clients import LIMITS, Info
from loadgen.clients.event_sdk import EventSdk
from loadgen.clients.sdk import AsyncSdk, SyncSdk
from loadgen.model import Cell


class _Anthropic(EventSdk):
    def __init__(self, cell: Cell) -> None:
        import anthropic

        super().__init__(cell, anthropic, {"model": "", "max_tokens": 1, "messages": []})

    def _make(self, cell: Cell) -> Any:
        import anthropic

        sdk: Any = anthropic.Anthropic if self.INFO.mode == "threads" else anthropic.AsyncAnthropic
        return sdk(**self._settings(cell))

    def _method(self, client: Any) -> Any:
        return client.messages.create


class AnthropicSync(_Anthropic, SyncSdk):
    INFO: ClassVar = Info(
        name="anthropic-sync",
        mode="threads",
        distribution="anthropic",
        extra="anthropic",
        options=LIMITS,
        protocols=("anthropic-messages",),
        http=("1.1", "2"),
    )


class AnthropicAsync(_Anthropic, AsyncSdk):
    INFO: ClassVar = replace(AnthropicSync.INFO, name="anthropic-async", mode="tasks")
