"""Anthropic's messages: server-sent events, each with its ``type``; ``message_stop`` at the end.

Deltas of text, thinking and the input of tools are output, and so is the name that begins the use of a tool; a
signature is none. A refusal has no text of its own: the event that stops the answer for it counts as its output.
``stream: false`` is one object.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal

import msgspec

from loadgen.model import Cell, Output, Prompt, Request, Usage
from loadgen.protocols import encoder, errors, lenient, openai, raw, sse
from loadgen.protocols.encoder import Ending, to_json
from loadgen.protocols.events import Decoder, End, Event, Token

MAX_TOKENS: Final = 1024  # of an answer, where the scenario states none: the API has no default
VERSION: Final = {"anthropic-version": "2023-06-01"}
_DELTAS = {  # the type of a delta -> the field of its text, and what that carries
    "text_delta": ("text", Output.ANSWER),
    "thinking_delta": ("thinking", Output.THINKING),
    "input_json_delta": ("partial_json", Output.TOOL_CALL),
}
_ORDER = [*Output].index
_ERRORS = {
    400: "invalid_request_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}


class _Delta(msgspec.Struct, gc=False):
    type: Any = None
    text: Any = None
    thinking: Any = None
    partial_json: Any = None
    stop_reason: Any = None


class _Event(msgspec.Struct, gc=False):
    type: Any = None
    delta: _Delta | None = None
    content_block: Any = None
    message: Any = None
    usage: Any = None
    error: Any = None


class _PlainDelta(msgspec.Struct, gc=False):
    text: str


class _Plain(msgspec.Struct, gc=False):
    """A delta of text."""

    type: Literal["content_block_delta"]
    delta: _PlainDelta


_DECODE = msgspec.json.Decoder(_Event).decode
_DECODE_PLAIN = msgspec.json.Decoder(_Plain).decode
_TOKENS = {kind: Token(None, kind) for kind in Output}


class _Reader:
    """Reads the events of one stream, or its one object."""

    __slots__ = ("_finish_reason", "_usage")

    def __init__(self) -> None:
        self._finish_reason = ""
        self._usage = Usage()

    def event(self, message: bytes, events: list[Event]) -> bool:
        try:
            item = _DECODE(message)
        except lenient.PARSE_ERRORS as error:
            item = lenient.convert(message, _Event, error)
        match item.type:
            case "content_block_delta":
                self._delta(item.delta or _Delta(), events)
            case "content_block_start":
                if (kind := _kind(item.content_block)) is not None:
                    events.append(_TOKENS[kind])
            case "message_start":
                self._usage = _usage(lenient.mapping(item.message).get("usage"), self._usage)
            case "message_delta":
                self._usage = _usage(item.usage, self._usage)
                self._stop(item.delta.stop_reason if item.delta else None, events)
            case "message_stop":
                return self._end(events)
            case "ping" | "content_block_stop":
                pass
            case _:
                return errors.found(message, events)
        return False

    def whole(self, body: bytes, events: list[Event]) -> bool:
        item = lenient.json_object(body)
        blocks = item.get("content")
        if item.get("type") == "error" or not isinstance(blocks, list):
            return errors.found(body, events)
        if kinds := {kind for block in blocks if (kind := _kind(block))}:
            events.append(_TOKENS[min(kinds, key=_ORDER)])
        self._usage = _usage(item.get("usage"), self._usage)
        self._stop(item.get("stop_reason"), events)
        return self._end(events)

    def _delta(self, delta: _Delta, events: list[Event]) -> None:
        if type(delta.text) is str and delta.text:
            events.append(_TOKENS[Output.ANSWER])
        elif isinstance(delta.type, str) and delta.type in _DELTAS:
            field, kind = _DELTAS[delta.type]
            if lenient.has_text(getattr(delta, field)):
                events.append(_TOKENS[kind])

    def _stop(self, reason: Any, events: list[Event]) -> None:
        self._finish_reason = lenient.word(reason) or self._finish_reason
        if reason == "refusal":
            events.append(_TOKENS[Output.REFUSAL])

    def _end(self, events: list[Event]) -> bool:
        events.append(End(replace(self._usage, finish_reason=self._finish_reason)))
        return True


class _Decoder(sse.Decoder):
    __slots__ = ()
    _before = b"event: content_block_delta\ndata: "

    def __init__(self) -> None:
        super().__init__(_Reader().event, openai.failed)

    def _is_plain(self, message: bytes) -> bool:
        try:
            return bool(_DECODE_PLAIN(message).delta.text)
        except lenient.PARSE_ERRORS:
            return False


def _kind(block: Any) -> Output | None:
    """Return the kind of output of a block of content: text, thinking, or the use of a tool."""
    of = lenient.mapping(block)
    if str(of.get("type")).endswith("tool_use"):
        return Output.TOOL_CALL
    return lenient.output(of.get("text"), of.get("thinking"))


def _usage(counts: Any, known: Usage) -> Usage:
    """Return what is known of the usage: counts are totals so far, and those of the prompt do not have its cache's."""
    of = lenient.mapping(counts)
    parts = [lenient.count(of.get(f"{kind}input_tokens")) for kind in ("", "cache_creation_", "cache_read_")]
    details = lenient.mapping(of.get("output_tokens_details"))
    found: dict[str, Any] = {
        "prompt_tokens": sum(part or 0 for part in parts) if parts[0] is not None else None,
        "cached_tokens": parts[2],
        "tokens": lenient.count(of.get("output_tokens")),
        "thinking_tokens": lenient.count(details.get("thinking_tokens")),
    }
    # What is not reported, or 0, takes nothing back.
    return replace(known, **{field: v for field, v in found.items() if v or getattr(known, field) is None})


class Messages(openai.Api):
    """``POST /v1/messages``. Messages of the system become the field ``system``."""

    takes_messages = True
    path = "/messages"

    def request(self, cell: Cell, prompt: Prompt) -> Request:
        return super().request(_versioned(cell), prompt)

    def catalogue(self, cell: Cell) -> Request:
        return super().catalogue(_versioned(cell))

    def question(self, prompt: Prompt) -> dict[str, Any]:
        messages = openai.messages(prompt)
        system = "\n\n".join(each["content"] for each in messages if each["role"] == "system")
        chat = [each for each in messages if each["role"] != "system"]
        return ({"system": system} if system else {}) | {"messages": chat, "max_tokens": MAX_TOKENS}

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        return body

    def decoder(self, stream: bool) -> Decoder:
        return _Decoder() if stream else raw.Decoder(_Reader().whole)

    def answer(self, body: bytes) -> str:
        texts: list[Any] = []

        def read(message: bytes, _: list[Event]) -> bool:
            texts.append(lenient.mapping(lenient.mapping(message).get("delta")).get("text"))
            return False

        if lenient.is_json(body):
            blocks = lenient.mapping(body).get("content")
            texts += (
                [lenient.mapping(block).get("text") for block in blocks] if isinstance(blocks, list) else []
            )
        else:
            sse.Decoder(read).feed(body)
        return "".join(text for text in texts if isinstance(text, str))


def _versioned(cell: Cell) -> Cell:
    """Return the cell with the header that names the API's version, unless the scenario has its own."""
    named = any(name.lower() in VERSION for name in cell.headers)
    return cell if named else replace(cell, headers={**VERSION, **cell.headers})


@dataclass(frozen=True)
class Encoder(encoder.Encoder):
    """Encodes answers of ``/v1/messages``; how long the prompt was is in the last events only."""

    content_type = openai.EVENT_STREAM.encode()
    _text: ClassVar = {"type": "text", "text": ""}

    def opening(self) -> bytes:
        message = self._message(None, [], _counts(Usage()))
        start = _event("content_block_start", index=0, content_block=self._text)
        return _event("message_start", message=message) + start + _event("ping")

    def token(self, text: str, stamp: bytes) -> bytes:  # noqa: ARG002 - it carries none
        return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})

    def final(self, ending: Ending) -> bytes:
        delta = {"stop_reason": _reason(ending), "stop_sequence": None}
        stop = _event("message_delta", delta=delta, usage=_counts(ending.usage))
        return _event("content_block_stop", index=0) + stop + _event("message_stop")

    def whole(self, ending: Ending) -> bytes:
        if not ending.done:
            return to_json({"type": "message"})
        content = [self._text | {"text": ending.text}]
        return to_json(self._message(_reason(ending), content, _counts(ending.usage)))

    def error(self, message: str, status: int = 500) -> bytes:
        kind = _ERRORS.get(status, "api_error")
        return to_json({"type": "error", "error": {"type": kind, "message": message}})

    def failure(self, message: str) -> bytes:
        return b"event: error\n" + super().failure(message)

    def event(self, body: bytes) -> bytes:
        return sse.event(body)

    def _message(
        self, reason: str | None, content: list[dict[str, str]], usage: dict[str, Any]
    ) -> dict[str, Any]:
        head = {"id": "msg_simulator", "type": "message", "role": "assistant", "model": self.model}
        return {**head, "content": content, "stop_reason": reason, "stop_sequence": None, "usage": usage}


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\n".encode() + sse.event(to_json({"type": kind, **fields}))


def _reason(ending: Ending) -> str:
    return "max_tokens" if ending.reason == "length" else "end_turn"


def _counts(usage: Usage) -> dict[str, Any]:
    cached = usage.cached_tokens or 0
    counts = {"input_tokens": (usage.prompt_tokens or 0) - cached, "output_tokens": usage.tokens or 0}
    return counts if usage.cached_tokens is None else {**counts, "cache_read_input_tokens": cached}
