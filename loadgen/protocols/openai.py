"""OpenAI chat completions: server-sent events, ``data: [DONE]`` at the end.

A delta that is role-only, empty or null is no token; text, reasoning, tool calls and refusals are. The
server sends no times (``created`` counts seconds), so delivery lag is unknown. ``stream: false`` is one object.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import msgspec

from loadgen.model import Cell, Output, Prompt, Request, Usage
from loadgen.protocols import encoder, errors, lenient, raw, sse
from loadgen.protocols.encoder import Ending, ask, post, to_json
from loadgen.protocols.events import Decoder, End, Error, Event, Token

_EVENT_STREAM = "text/event-stream"
_NEWER = "max_completion_tokens"


class _Text(msgspec.Struct, gc=False):
    content: Any = None
    refusal: Any = None
    tool_calls: Any = None
    function_call: Any = None
    reasoning: Any = None
    reasoning_content: Any = None
    audio: Any = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Text | None = None
    message: _Text | None = None
    text: Any = None  # of completions
    finish_reason: Any = None


class _Completion(msgspec.Struct, gc=False):
    choices: list[_Choice | None] | None = None
    usage: Any = None
    timings: Any = None
    error: Any = None


_DECODE = msgspec.json.Decoder(_Completion).decode
_TOKENS = {kind: Token(None, kind) for kind in Output}
_ORDER = [*Output].index


class _Reader:
    """Reads the events of one stream, or its one object."""

    __slots__ = ("_usage", "finish_reason")

    def __init__(self) -> None:
        self.finish_reason = ""
        self._usage = Usage()

    def event(self, message: bytes, events: list[Event]) -> bool:
        return self.end(events) if message.startswith(b"[DONE]") else self._read(message, events) is None

    def failed(self, message: bytes, events: list[Event]) -> bool:
        """Append the error of an event whose type says that it is one."""
        events.append(
            Error(errors.said(message) or message.decode(errors="replace") or "an event of type error")
        )
        return True

    def whole(self, body: bytes, events: list[Event]) -> bool:
        item = self._read(body, events)
        return item is None or (bool(item.choices) and self.end(events))

    def end(self, events: list[Event]) -> bool:
        """Append the end; return that it is one."""
        events.append(End(replace(self._usage, finish_reason=self.finish_reason)))
        return True

    def _read(self, message: bytes, events: list[Event]) -> _Completion | None:
        """Append the output or the error of ``message``; return its object, ``None`` where it is an error."""
        try:
            item = _DECODE(message)
        except lenient.PARSE_ERRORS as error:
            item = lenient.convert(message, _Completion, error)
        output, failed = None, item.error or not item.choices
        for choice in item.choices or ():
            if choice is None:
                continue
            delta = choice.delta
            if delta is not None and type(delta.content) is str and delta.content:
                output = Output.ANSWER
            elif (kind := _output(choice)) and (output is None or _ORDER(kind) < _ORDER(output)):
                output = kind
            if choice.finish_reason:
                self.finish_reason = lenient.word(choice.finish_reason) or self.finish_reason
                failed = failed or self.finish_reason == "error"
        if output is not None:
            events.append(_TOKENS[output])
        if item.usage or item.timings:
            self._usage = _usage(item, self._usage)
        if failed and (reported := errors.said(message)) is not None:
            events.append(Error(reported))
            return None
        return item


def _output(choice: _Choice) -> Output | None:
    """Return the kind of output that a choice carries."""
    text = choice.delta or choice.message
    if text is None:
        return lenient.output(choice.text)
    return lenient.output(
        text.content or text.audio,
        text.reasoning or text.reasoning_content,
        text.tool_calls or text.function_call,
        text.refusal,
    )


def _usage(item: _Completion, known: Usage) -> Usage:
    """Return what is known of the usage after ``item``: its counts, and llama.cpp's timings."""
    counts, timings = lenient.mapping(item.usage), lenient.mapping(item.timings)
    details = lenient.mapping(counts.get("completion_tokens_details"))
    of_prompt = lenient.mapping(counts.get("prompt_tokens_details"))
    found: dict[str, Any] = {
        "prompt_tokens": lenient.count(counts.get("prompt_tokens")),
        "tokens": lenient.count(counts.get("completion_tokens")),
        "thinking_tokens": lenient.count(details.get("reasoning_tokens")),
        "cached_tokens": lenient.count(of_prompt.get("cached_tokens", timings.get("cache_n"))),
        "prompt_ns": lenient.duration(timings.get("prompt_ms"), 1_000_000),
        "decode_ns": lenient.duration(timings.get("predicted_ms"), 1_000_000),
    }
    if found["tokens"] is None and known.tokens is None:
        found["tokens"] = lenient.count(timings.get("predicted_n"))
    # What is not reported, or 0, takes nothing back.
    return replace(known, **{field: v for field, v in found.items() if v or getattr(known, field) is None})


class _Decoder(sse.Decoder):
    """Decode a stream; its end is ``[DONE]``, or where that does not come, the body's own after a ``finish_reason``."""

    __slots__ = ("_reader",)

    def __init__(self) -> None:
        self._reader = _Reader()
        super().__init__(self._reader.event, self._reader.failed)

    def eof(self) -> list[Event]:
        events = super().eof()
        if self._reader.finish_reason and not self._ended:
            self._ended = self._reader.end(events)
        return events


def _version(cell: Cell) -> str:
    return "" if urlsplit(cell.url).path.rstrip("/").endswith("/v1") else "/v1"


def _limit(cell: Cell) -> str:
    """Return the field with the most tokens of an answer: OpenAI's newer name where that is meant, or the other.

    OpenAI's own models refuse the older one; servers such as Ollama know no other.
    """
    own = cell.workload
    is_openai = (urlsplit(cell.url).hostname or "").endswith((".openai.com", ".openai.azure.com"))
    return _NEWER if is_openai or _NEWER in {*own.options, *own.body} else "max_tokens"


class Chat:
    """``POST /v1/chat/completions``."""

    simulated = takes_messages = True

    def request(self, cell: Cell, prompt: Prompt) -> Request:
        workload = cell.workload
        messages = [{"role": each.role, "content": each.content} for each in prompt.chat]
        body = {"model": workload.model, "messages": messages, "stream": workload.stream, **workload.options}
        if workload.stream:
            body["stream_options"] = {"include_usage": True}
        if prompt.output_tokens is not None:
            body[_limit(cell)] = prompt.output_tokens
        return post(cell, f"{_version(cell)}/chat/completions", _EVENT_STREAM, body)

    def probe(self, cell: Cell) -> Request | None:
        return self.catalogue(cell)

    def catalogue(self, cell: Cell) -> Request:
        return ask(cell, f"{_version(cell)}/models", "application/json")

    def answer(self, body: bytes) -> str:
        texts: list[str] = []

        def read(message: bytes, _: list[Event]) -> bool:
            choices = lenient.mapping(message).get("choices")
            for choice in choices if isinstance(choices, list) else ():
                of = lenient.mapping(choice)
                text = lenient.mapping(of.get("delta") or of.get("message")).get("content")
                texts.append(text if isinstance(text, str) else "")
            return False

        if lenient.is_json(body):
            read(body, [])
        else:
            sse.Decoder(read).feed(body)
        return "".join(texts)

    def decoder(self, stream: bool) -> Decoder:
        return _Decoder() if stream else raw.Decoder(_Reader().whole)


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

    def error(self, message: str, status: int = 500) -> bytes:
        kind = "server_error" if status >= 500 else "invalid_request_error"
        return to_json({"error": {"message": message, "type": kind, "param": None, "code": None}})

    def event(self, body: bytes) -> bytes:
        return sse.event(body)

    def _delta(self, delta: dict[str, str], reason: str | None = None) -> bytes:
        return sse.event(self._chunk(choices=[{"index": 0, "delta": delta, "finish_reason": reason}]))

    def _chunk(self, **fields: Any) -> bytes:
        head = {"id": "chatcmpl-simulator", "object": "chat.completion.chunk", "created": 0}
        return to_json({**head, "model": self.model, **fields})


def _counts(usage: Usage) -> dict[str, Any]:
    prompt, completion = usage.prompt_tokens or 0, usage.tokens or 0
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    if usage.cached_tokens is None:
        return counts
    return {**counts, "prompt_tokens_details": {"cached_tokens": usage.cached_tokens}}
