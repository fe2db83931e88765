"""The SDKs of Ollama and OpenAI are built on httpx or httpx2: the event hooks of those report the headers."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from loadgen.clients.httpx import report_headers
from loadgen.clients.interface import Sink
from loadgen.model import Mode, Request


class Hooks:
    """Event hooks that set the headers of a request, and report those of its response.

    They serve the request that its thread or task began with :meth:`begin`. ``unwanted`` are headers that an SDK adds,
    some of them from the environment.
    """

    def __init__(self, *unwanted: str) -> None:
        self._unwanted = unwanted
        self._current: ContextVar[tuple[Request, Sink]] = ContextVar("current")

    def begin(self, request: Request, sink: Sink) -> None:
        """Serve this stream in the current thread or task."""
        self._current.set((request, sink))

    def event_hooks(self, mode: Mode) -> dict[str, list[Any]]:
        """Return the ``event_hooks`` of a Client, or of an AsyncClient."""
        if mode == "tasks":
            return {"request": [self._async_on_request], "response": [self._async_on_response]}
        return {"request": [self._on_request], "response": [self._on_response]}

    def _on_request(self, sent: Any) -> None:
        for name in self._unwanted:
            sent.headers.pop(name, None)
        sent.headers.update(self._current.get()[0].headers)

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
