"""LangChain's ChatOpenAI, on threads and on an event loop, built on the SDK of OpenAI."""

from dataclasses import replace
from typing import Any, ClassVar

from loadgen.clients import Info
from loadgen.clients.langchain import AsyncChat, SyncChat
from loadgen.clients.openai import Openai
from loadgen.model import Cell


class _ChatOpenai(Openai):
    def _make(self, cell: Cell) -> Any:
        from langchain_openai import ChatOpenAI

        own = self._settings(cell)
        http = own.pop("http_client")
        make: Any = ChatOpenAI
        return make(
            model=cell.workload.model,
            **own,
            **{"http_client" if self.INFO.mode == "threads" else "http_async_client": http},
            use_responses_api=False,
            stream_chunk_timeout=None,
        )


class LangchainOpenaiSync(SyncChat, _ChatOpenai):
    INFO: ClassVar = Info(
        name="langchain-openai-sync",
        mode="threads",
        distribution="langchain-openai",
        extra="langchain-openai",
        alone=True,
        modules=("loadgen.clients.quiet", "langchain_openai"),
        protocols=("openai-chat",),
        http=("1.1", "2"),
    )


class LangchainOpenaiAsync(AsyncChat, _ChatOpenai):
    INFO: ClassVar = replace(LangchainOpenaiSync.INFO, name="langchain-openai-async", mode="tasks")
