"""OpenAI chat completions: server-sent events, ``data: [DONE]`` at the end.

A delta that is role-only, empty or null is no token; text in ``reasoning`` or ``reasoning_content`` is one. The
server sends no times (``created`` counts seconds), so delivery lag is unknown. ``stream: false`` is one object.
"""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from loadgen.model import Cell, Request, Usage
from loadgen.protocols import raw, sse
from loadgen.protocols.events import Decoder, End, Error, Event, Int64, Token, Undecodable
from loadgen.protocols.lines import excerpt
from loadgen.protocols.urls import join_url


class _Text(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Text | None = None
    message: _Text | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: Int64 | None = None
    completion_tokens: Int64 | None = None


_Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class _Timings(msgspec.Struct, gc=False):
    prompt_ms: _Milliseconds | None = None
    predicted_ms: _Milliseconds | None = None
    predicted_n: Int64 | None = None


class _Completion(msgspec.Struct, gc=False):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    timings: _Timings | None = None
    error: Any = None


_PARSER = msgspec.json.Decoder(_Completion)


class _Reader:
    """The events of one stream, or its one object."""

    __slots__ = ("_usage",)

    def __init__(self) -> None:
        self._usage = Usage()

    def event(self, message: bytes, events: list[Event]) -> bool:
        if message == b"[DONE]":
            events.append(End(self._usage))
            return True
        item = _parse(message)
        if item.error is not None:
            events.append(Error(_error_text(item.error)))
            return True
        self._usage = _usage(item, self._usage)
        if any(_has_text(choice.delta) for choice in item.choices):
            events.append(Token(None))
        return False

    def whole(self, body: bytes, events: list[Event]) -> bool:
        item = _parse(body)
        if item.error is not None:
            events.append(Error(_error_text(item.error)))
        elif item.choices:
            if any(_has_text(choice.message) for choice in item.choices):
                events.append(Token(None))
            events.append(End(_usage(item, self._usage)))
        return True


def _parse(message: bytes) -> _Completion:
    try:
        return _PARSER.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Undecodable(f"{error}: {excerpt(message)}") from None


def _error_text(error: Any) -> str:
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return str(error["message"])
    return error if isinstance(error, str) else json.dumps(error)


def _has_text(text: _Text | None) -> bool:
    return text is not None and bool(text.content or text.reasoning or text.reasoning_content)


def _usage(item: _Completion, known: Usage) -> Usage:
    usage, timings = item.usage, item.timings
    if usage is None and timings is None:
        return known
    return Usage(
        prompt_tokens=usage.prompt_tokens if usage else known.prompt_tokens,
        tokens=usage.completion_tokens if usage else timings.predicted_n if timings else known.tokens,
        prompt_ns=round(timings.prompt_ms * 1e6)
        if timings and timings.prompt_ms is not None
        else known.prompt_ns,
        decode_ns=(
            round(timings.predicted_ms * 1e6)
            if timings and timings.predicted_ms is not None
            else known.decode_ns
        ),
    )


class Chat:
    """``POST /v1/chat/completions``."""

    def request(self, cell: Cell, prompt: str) -> Request:
        body: dict[str, Any] = {
            "model": cell.workload.model,
            "messages": [{"role": "user", "content": prompt}],
            "stream": cell.workload.stream,
            **cell.workload.options,
        }
        if cell.workload.stream:
            body["stream_options"] = {"include_usage": True}
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream", **cell.headers}
        return Request("POST", _url(cell), headers, json.dumps(body, ensure_ascii=False).encode())

    def probe(self, cell: Cell) -> Request | None:  # noqa: ARG002 - servers differ in what they offer
        return None

    def decoder(self, stream: bool) -> Decoder:
        reader = _Reader()
        return sse.Decoder(reader.event) if stream else raw.Decoder(reader.whole)


def _url(cell: Cell) -> str:
    version = "" if urlsplit(cell.url).path.rstrip("/").endswith("/v1") else "/v1"
    return join_url(cell.url, f"{version}/chat/completions")


# ------------------------------------------------------------------------------------ for the simulator


def token_event(model: str, text: str) -> bytes:
    """Return the event of one token. It carries no send time, as OpenAI's carries none."""
    return _event(model, {"content": text}, None)


def role_event(model: str) -> bytes:
    """Return the event that comes before the first token: a role, and no text."""
    return _event(model, {"role": "assistant", "content": ""}, None)


def final_events(model: str, usage: Usage, *, reason: str, include_usage: bool) -> bytes:
    """Return the last delta with its reason, the usage where it was requested, and ``[DONE]``."""
    events = _event(model, {}, reason)
    if include_usage:
        events += sse.event(_encoded({**_chunk(model), "choices": [], "usage": _counts(usage)}))
    return events + sse.event(b"[DONE]")


def whole_body(model: str, text: str, usage: Usage, *, reason: str | None) -> bytes:
    """Return the one object of ``stream: false``."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    return _encoded(
        {**_chunk(model), "object": "chat.completion", "choices": [choice], "usage": _counts(usage)}
    )


def error_body(message: str, kind: str = "server_error") -> bytes:
    """Return the object that reports an error."""
    return _encoded({"error": {"message": message, "type": kind, "param": None, "code": None}})


def _event(model: str, delta: dict[str, str], reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return sse.event(_encoded({**_chunk(model), "choices": [choice]}))


def _chunk(model: str) -> dict[str, Any]:
    return {"id": "chatcmpl-simulator", "object": "chat.completion.chunk", "created": 0, "model": model}


def _counts(usage: Usage) -> dict[str, int]:
    prompt, completion = usage.prompt_tokens or 0, usage.tokens or 0
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
