"""OpenAI chat completions: server-sent events, ``data: [DONE]`` at the end.

A delta that is role-only, empty or null is no token; text in ``reasoning`` or ``reasoning_content`` is one. The
server sends no times (``created`` counts seconds), so delivery lag is unknown. ``stream: false`` is one object.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from loadgen.model import Cell, Request, Usage
from loadgen.protocols import encoder, raw, sse
from loadgen.protocols.encoder import Ending, post, to_json
from loadgen.protocols.events import PARSE_ERRORS, Decoder, End, Error, Event, Int64, Token, Undecodable
from loadgen.protocols.lines import excerpt

_EVENT_STREAM = "text/event-stream"


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
    """Reads the events of one stream, or its one object."""

    __slots__ = ("_usage",)

    def __init__(self) -> None:
        self._usage = Usage()

    def event(self, message: bytes, events: list[Event]) -> bool:
        if message == b"[DONE]":
            events.append(End(self._usage))
            return True
        choices = self._choices(message, events)
        if choices is not None and any(_has_text(choice.delta) for choice in choices):
            events.append(Token(None))
        return choices is None

    def whole(self, body: bytes, events: list[Event]) -> bool:
        if choices := self._choices(body, events):
            if any(_has_text(choice.message) for choice in choices):
                events.append(Token(None))
            events.append(End(self._usage))
        return True

    def _choices(self, message: bytes, events: list[Event]) -> list[_Choice] | None:
        """Return the choices, with their usage noted; ``None`` for an error that the server reports."""
        try:
            item = _PARSER.decode(message)
        except PARSE_ERRORS as error:
            raise Undecodable(f"{error}: {excerpt(message)}") from None
        reported = item.error
        if reported is None:
            if item.usage or item.timings:
                self._usage = _usage(item, self._usage)
            return item.choices
        if isinstance(reported, dict) and isinstance(reported.get("message"), str):
            reported = reported["message"]
        events.append(Error(reported if isinstance(reported, str) else json.dumps(reported)))
        return None


def _has_text(text: _Text | None) -> bool:
    return text is not None and bool(text.content or text.reasoning or text.reasoning_content)


def _usage(item: _Completion, known: Usage) -> Usage:
    """Return what is known of the usage after ``item``: its counts, and llama.cpp's timings."""
    counts, timings = item.usage, item.timings
    if counts:
        known = replace(known, prompt_tokens=counts.prompt_tokens, tokens=counts.completion_tokens)
    elif timings:
        known = replace(known, tokens=timings.predicted_n)
    if timings:
        times = {"prompt_ns": timings.prompt_ms, "decode_ns": timings.predicted_ms}
        known = replace(known, **{field: round(ms * 1e6) for field, ms in times.items() if ms is not None})
    return known


class Chat:
    """``POST /v1/chat/completions``."""

    simulated = True

    def request(self, cell: Cell, prompt: str) -> Request:
        workload = cell.workload
        messages = [{"role": "user", "content": prompt}]
        body = {"model": workload.model, "messages": messages, "stream": workload.stream, **workload.options}
        if workload.stream:
            body["stream_options"] = {"include_usage": True}
        version = "" if urlsplit(cell.url).path.rstrip("/").endswith("/v1") else "/v1"
        return post(cell, f"{version}/chat/completions", _EVENT_STREAM, body)

    def probe(self, cell: Cell) -> Request | None:  # noqa: ARG002 - servers differ in what they offer
        return None

    def decoder(self, stream: bool) -> Decoder:
        reader = _Reader()
        return sse.Decoder(reader.event) if stream else raw.Decoder(reader.whole)


@dataclass(frozen=True)
class Encoder(encoder.Encoder):
    """Encodes answers of ``/v1/chat/completions``; a stream reports its usage where that was requested."""

    include_usage: bool = False

    content_type = _EVENT_STREAM.encode()

    def opening(self) -> bytes:
        return self._delta({"role": "assistant", "content": ""})

    def token(self, text: str, stamp: bytes) -> bytes:  # noqa: ARG002 - it carries none
        return self._delta({"content": text})

    def final(self, ending: Ending) -> bytes:
        events = self._delta({}, ending.reason)
        if self.include_usage:
            events += sse.event(self._chunk(choices=[], usage=_counts(ending.usage)))
        return events + sse.event(b"[DONE]")

    def whole(self, ending: Ending) -> bytes:
        if not ending.done:
            return to_json({"choices": []})
        message = {"role": "assistant", "content": ending.text}
        choice = {"index": 0, "message": message, "finish_reason": ending.reason}
        return self._chunk(object="chat.completion", choices=[choice], usage=_counts(ending.usage))

    def error(self, message: str, kind: str = "server_error") -> bytes:
        return to_json({"error": {"message": message, "type": kind, "param": None, "code": None}})

    def event(self, body: bytes) -> bytes:
        return sse.event(body)

    def _delta(self, delta: dict[str, str], reason: str | None = None) -> bytes:
        return sse.event(self._chunk(choices=[{"index": 0, "delta": delta, "finish_reason": reason}]))

    def _chunk(self, **fields: Any) -> bytes:
        head = {"id": "chatcmpl-simulator", "object": "chat.completion.chunk", "created": 0}
        return to_json({**head, "model": self.model, **fields})


def _counts(usage: Usage) -> dict[str, int]:
    prompt, completion = usage.prompt_tokens or 0, usage.tokens or 0
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
