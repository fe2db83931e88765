"""What the SDKs share: they are built on httpx or httpx2 and deliver objects, not bytes.

Event hooks of httpx put the request that every client sends in the place of the SDK's, which encodes one all the same,
and report the headers of its response. The bytes that an object was made of go to the common decoder when the SDK has
delivered it; so do those that it raises for, because the server's words may be in them.
"""

import inspect
import json
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ClassVar

from loadgen.clients import Info, NotSent, Sink, Undelivered
from loadgen.clients.httpx import AsyncTrace, Trace, report, report_headers
from loadgen.model import Cell, Request


@dataclass(slots=True)
class _Call:
    """One stream: ``read`` is what the SDK has read of a stream, and not delivered yet."""

    request: Request
    sink: Sink
    read: bytes = b""
    response: Any = None  # that is no stream
    sent: bool = False
    headers: dict[str, str] = field(default_factory=dict)  # the SDK's own, some of them from the environment

    def take(self) -> bytes:
        """Return what the SDK has read since the last time."""
        read, self.read = self.read, b""
        if self.response is not None and hasattr(self.response, "_content"):
            read, self.response = self.response.content, None
        return read

    def explain(self, error: Exception) -> None:
        """Raise Undelivered with the bytes that the SDK raised ``error`` for, where there are any, or NotSent."""
        if not self.sent:
            what = f"the SDK does not accept the request: {type(error).__name__}: {error}"
            raise NotSent(f"{what}. A client that is no SDK, such as httpx-async, sends any") from error
        if read := self.take():
            raise Undelivered(read) from error


current: ContextVar[_Call] = ContextVar("current")  # of this thread or task

KEPT = {"host", "user-agent", "connection"}  # headers of httpx


class Sdk:
    """The SDK's client is made with ``self._hooks()`` as ``event_hooks``; ``self._send`` is its method for requests."""

    INFO: ClassVar[Info]
    _send: Any

    def __init__(self, cell: Cell) -> None:
        self._is_stream = cell.workload.stream

    def _arguments(self, request: Request) -> dict[str, Any]:
        """Return the arguments of ``_send``, those of the request's fields that it knows."""
        known = inspect.signature(self._send).parameters
        body = {name: value for name, value in json.loads(request.body).items() if name in known}
        return {**body, "stream": self._is_stream}

    def _hooks(self) -> dict[str, list[Any]]:
        if self.INFO.mode == "threads":
            return {"request": [self._on_request], "response": [self._on_response]}
        return {"request": [self._async_on_request], "response": [self._async_on_response]}

    def _on_request(self, sent: Any) -> None:
        call = current.get()
        request, call.sent = call.request, True
        # not shared with other requests of the SDK
        sent.extensions["trace"] = (Trace if self.INFO.mode == "threads" else AsyncTrace)(call.sink)
        for name in sent.headers.keys() - KEPT:
            call.headers[name] = sent.headers.pop(name)
        sent.headers.update({**request.headers, "Content-Length": str(len(request.body))})
        sent.url = type(sent.url)(request.url)
        sent.stream, sent._content = type(sent.stream)(request.body), request.body

    def _report(self, response: Any, sink: Sink) -> None:
        """Report the connection and the status of a response."""
        (report_headers if self.INFO.mode == "threads" else report)(response, sink)

    def _on_response(self, response: Any) -> None:
        call = current.get()
        sink = call.sink
        self._report(response, sink)
        response.request.headers.update(call.headers)  # where the SDK may look for what was wanted
        if not response.is_success:
            for chunk in response.iter_raw():
                sink.data(chunk)
        elif not self._is_stream:
            call.response = response

    async def _async_on_request(self, sent: Any) -> None:
        self._on_request(sent)

    async def _async_on_response(self, response: Any) -> None:
        call = current.get()
        sink = call.sink
        self._report(response, sink)
        response.request.headers.update(call.headers)  # where the SDK may look for what was wanted
        if not response.is_success:
            async for chunk in response.aiter_raw():
                sink.data(chunk)
        elif not self._is_stream:
            call.response = response


class SyncSdk(Sdk):
    def stream(self, request: Request, sink: Sink) -> None:
        call = _Call(request, sink)
        current.set(call)
        try:
            answer = self._send(**self._arguments(request))
            if self._is_stream:
                for _ in answer:
                    sink.data(call.take())
        except Exception as error:
            call.explain(error)
            raise
        sink.data(call.take())


class AsyncSdk(Sdk):
    async def stream(self, request: Request, sink: Sink) -> None:
        call = _Call(request, sink)
        current.set(call)
        try:
            answer = await self._send(**self._arguments(request))
            if self._is_stream:
                async for _ in answer:
                    sink.data(call.take())
        except Exception as error:
            call.explain(error)
            raise
        sink.data(call.take())


# A stream of the SDKs of OpenAI and Anthropic delivers neither its end nor an event's type, and not every error as one.


def note_events(stream: Any) -> None:
    """Make a class of streams note each event where it reads it, in the call of its thread."""
    events = stream._iter_events
    if events.__module__ == __name__:
        return

    def noted(self: Any) -> Iterator[Any]:
        call = current.get()
        for event in events(self):
            call.read += _encoded(event)
            yield event

    stream._iter_events = noted


def note_async_events(stream: Any) -> None:
    """Make a class of asynchronous streams note each event where it reads it, in the call of its task."""
    events = stream._iter_events
    if events.__module__ == __name__:
        return

    async def noted(self: Any) -> AsyncIterator[Any]:
        call = current.get()
        async for event in events(self):
            call.read += _encoded(event)
            yield event

    stream._iter_events = noted


def _encoded(event: Any) -> bytes:
    """Return an event as the server sent it."""
    kind = f"event: {event.event}\n" if event.event else ""
    data = event.data.replace("\n", "\ndata: ")
    return f"{kind}data: {data}\n\n".encode()
