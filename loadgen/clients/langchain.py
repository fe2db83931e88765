"""What the chat models of LangChain share: a list of messages in, chunks of a message out."""

import json
from typing import Any

from loadgen.clients.sdk import AsyncSdk, Sdk, SyncSdk
from loadgen.model import Request


class _Chat(Sdk):
    def _arguments(self, request: Request) -> dict[str, Any]:
        return {"input": json.loads(request.body).get("messages", [])}


class SyncChat(_Chat, SyncSdk):
    def _method(self, model: Any) -> Any:
        return model.stream if self._is_stream else model.invoke


class AsyncChat(_Chat, AsyncSdk):
    def _method(self, model: Any) -> Any:
        if not self._is_stream:
            return model.ainvoke

        async def stream(**named: Any) -> Any:
            return model.astream(**named)

        return stream
