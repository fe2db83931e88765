"""The ollama SDK, on threads and on an event loop, built on httpx."""

import json
from dataclasses import replace
from typing import Any, ClassVar

from loadgen.clients import Failures, Info
from loadgen.clients.httpx import failures, no_cookies, settings
from loadgen.clients.sdk import AsyncSdk, Sdk, SyncSdk
from loadgen.model import Cell, Outcome


class _Ollama(Sdk):
    UNWANTED = ("Authorization",)  # of OLLAMA_API_KEY

    def __init__(self, cell: Cell) -> None:
        import httpx
        import ollama
        from pydantic import ValidationError

        super().__init__(cell)
        self.failures: Failures = (
            *failures(httpx),
            (ollama.ResponseError, "", Outcome.SERVER_ERROR),
            (json.JSONDecodeError, "", Outcome.UNDECODABLE),
            (ValidationError, "", Outcome.UNDECODABLE),
        )
        mode = self.INFO.mode
        make: Any = ollama.Client if mode == "threads" else ollama.AsyncClient
        own = settings(httpx, cell, mode)
        sdk = make(
            host=cell.url, **own, cookies=no_cookies(), follow_redirects=False, event_hooks=self._hooks()
        )
        self._send = sdk.chat if cell.workload.protocol == "ollama-chat" else sdk.generate

    def _encode(self, part: Any) -> bytes:
        line: str = part.model_dump_json(exclude_none=True)
        return line.encode() + b"\n"


class OllamaSync(_Ollama, SyncSdk):
    INFO: ClassVar = Info(
        name="ollama-sync",
        mode="threads",
        distribution="ollama",
        extra="ollama",
        protocols=("ollama-generate", "ollama-chat"),
    )


class OllamaAsync(_Ollama, AsyncSdk):
    INFO: ClassVar = replace(OllamaSync.INFO, name="ollama-async", mode="tasks")
