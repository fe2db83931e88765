"""LangChain's ChatOllama, on threads and on an event loop, built on the SDK of Ollama."""

from dataclasses import replace
from typing import Any, ClassVar

from loadgen.clients import Info
from loadgen.clients.langchain import AsyncChat, SyncChat
from loadgen.clients.ollama import Ollama
from loadgen.model import Cell


class _ChatOllama(Ollama):
    def _make(self, cell: Cell, own: dict[str, Any]) -> Any:
        from langchain_ollama import ChatOllama

        plain = {"verify": own["verify"], "trust_env": False}  # of the side that is made, and not used
        sides = (own, plain) if self.INFO.mode == "threads" else (plain, own)
        make: Any = ChatOllama
        return make(
            model=cell.workload.model,
            base_url=cell.url,
            sync_client_kwargs=sides[0],
            async_client_kwargs=sides[1],
        )


class LangchainOllamaSync(SyncChat, _ChatOllama):
    INFO: ClassVar = Info(
        name="langchain-ollama-sync",
        mode="threads",
        distribution="langchain-ollama",
        extra="langchain-ollama",
        alone=True,
        modules=("loadgen.clients.quiet", "langchain_ollama"),
        protocols=("ollama-chat",),
        http=("1.1", "2"),
    )


class LangchainOllamaAsync(AsyncChat, _ChatOllama):
    INFO: ClassVar = replace(LangchainOllamaSync.INFO, name="langchain-ollama-async", mode="tasks")
