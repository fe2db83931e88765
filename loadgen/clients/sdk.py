"""What the SDKs of Ollama and OpenAI share: they are built on httpx or httpx2 and deliver objects, not bytes.

Event hooks of httpx put the request that every client sends in the place of the SDK's, which encodes one all the same,
and report the headers of its response. Each object is encoded again for the common decoder, which takes a few
microseconds and counts as the client's.
"""

import inspect
import json
from contextvars import ContextVar
from typing import Any, ClassVar

from loadgen.clients import Info, Sink
from loadgen.clients.httpx import report_headers
from loadgen.model import Cell, Request


class Sdk:
    """The SDK's client is made with ``self._hooks()`` as ``event_hooks``; ``self._send`` is its method for requests."""

    INFO: ClassVar[Info]
    UNWANTED: ClassVar[tuple[str, ...]]  # headers that the SDK adds, some of them from the environment

    _send: Any
    _end = b""  # the protocol's end, where the SDK does not deliver it

    def __init__(self, cell: Cell) -> None:
        self._is_stream = cell.workload.stream
        self._current: ContextVar[tuple[Request, Sink]] = ContextVar("current")  # of this thread or task

    def _arguments(self, request: Request) -> dict[str, Any]:
        """Return the arguments of ``_send``, those of the request's fields that it knows."""
        known = inspect.signature(self._send).parameters
        body = {name: value for name, value in json.loads(request.body).items() if name in known}
        return {**body, "stream": self._is_stream}

    def _encode(self, part: Any) -> bytes:
        """Return an object of the SDK as the server sends it."""
        raise NotImplementedError

    def _is_last(self, part: Any) -> bool:  # noqa: ARG002
        """Return whether the stream is complete when nothing but its end follows."""
        return True

    def _hooks(self) -> dict[str, list[Any]]:
        if self.INFO.mode == "threads":
            return {"request": [self._on_request], "response": [self._on_response]}
        return {"request": [self._async_on_request], "response": [self._async_on_response]}

    def _on_request(self, sent: Any) -> None:
        for name in self.UNWANTED:
            sent.headers.pop(name, None)
        request = self._current.get()[0]
        sent.headers.update({**request.headers, "Content-Length": str(len(request.body))})
        sent.url = type(sent.url)(request.url)
        sent.stream = type(sent.stream)(request.body)

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
        sink.connected(response.extensions["network_stream"].get_extra_info("socket"))
        sink.headers(response.status_code)
        if not response.is_success:
            async for chunk in response.aiter_raw():
                sink.data(chunk)


class SyncSdk(Sdk):
    def stream(self, request: Request, sink: Sink) -> None:
        self._current.set((request, sink))
        answer = self._send(**self._arguments(request))
        if not self._is_stream:
            sink.data(self._encode(answer))
            return
        finished = False
        for part in answer:
            sink.data(self._encode(part))
            finished = finished or self._is_last(part)
        if finished:
            sink.data(self._end)


class AsyncSdk(Sdk):
    async def stream(self, request: Request, sink: Sink) -> None:
        self._current.set((request, sink))
        answer = await self._send(**self._arguments(request))
        if not self._is_stream:
            sink.data(self._encode(answer))
            return
        finished = False
        async for part in answer:
            sink.data(self._encode(part))
            finished = finished or self._is_last(part)
        if finished:
            sink.data(self._end)
