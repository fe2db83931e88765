"""What the SDKs of Ollama and OpenAI share: each is built on httpx or httpx2, whose hooks see the headers first."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from loadgen.clients.httpx import report_headers
from loadgen.clients.interface import Sink
from loadgen.model import Request


class Hooks:
    """Event hooks that give a request our headers, and report its headers to the sink of its thread or task.

    ``unwanted`` are headers that an SDK sends of its own accord, some of them from the environment.
    """

    def __init__(self, *unwanted: str) -> None:
        self._unwanted = unwanted
        self._current: ContextVar[tuple[Request, Sink]] = ContextVar("current")

    def begin(self, request: Request, sink: Sink) -> None:
        """Serve this stream from now on in the current thread or task."""
        self._current.set((request, sink))

    @property
    def sync_hooks(self) -> dict[str, list[Any]]:
        """The ``event_hooks`` of a Client."""
        return {"request": [self._on_request], "response": [self._on_response]}

    @property
    def async_hooks(self) -> dict[str, list[Any]]:
        """The ``event_hooks`` of an AsyncClient."""
        return {"request": [self._async_on_request], "response": [self._async_on_response]}

    def _on_request(self, sent: Any) -> None:
        for name in self._unwanted:
            sent.headers.pop(name, None)
        sent.headers.update({"Accept-Encoding": "identity", **self._current.get()[0].headers})

    def _on_response(self, response: Any) -> None:
        sink = self._current.get()[1]
        report_headers(response, sink)
        if not response.is_success:
            for chunk in response.iter_raw():
                sink.data(chunk)

    async def _async_on_request(self, sent: Any) -> None:
        self._on_request(sent)

    async def _async_on_response(self, response: Any) -> None:
        sink = self._current.get()[1]
        sink.headers(response.status_code)
        if not response.is_success:
            async for chunk in response.aiter_raw():
                sink.data(chunk)
