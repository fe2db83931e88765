"""OpenAI's chat completions, and what its other APIs share: server-sent events, ``data: [DONE]`` at the end.

A delta that is role-only, empty or null is no token; text, reasoning, tool calls and refusals are. The
server sends no times (``created`` counts seconds), so delivery lag is unknown. ``stream: false`` is one object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec

from loadgen.model import Cell, Output, Prompt, Request, Usage
from loadgen.protocols import encoder, errors, lenient, raw, sse
from loadgen.protocols.encoder import Ending, ask, post, to_json
from loadgen.protocols.events import Decoder, End, Error, Event, Token

EVENT_STREAM = "text/event-stream"
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


class _PlainText(msgspec.Struct, gc=False):
    content: str


class _PlainChoice(msgspec.Struct, gc=False):
    delta: _PlainText | None = None
    text: str | None = None
    finish_reason: None = None


class _Plain(msgspec.Struct, gc=False):
    """An object whose text is an answer, and that has nothing else that counts."""

    choices: tuple[_PlainChoice]
    usage: None = None
    timings: None = None
    error: None = None


_DECODE = msgspec.json.Decoder(_Completion).decode
_DECODE_PLAIN = msgspec.json.Decoder(_Plain).decode
_TOKENS = {kind: Token(None, kind) for kind in Output}
_ORDER = [*Output].index
_NONE = Usage()


class _Reader:
    """Reads the events of one stream, or its one object."""

    __slots__ = ("_usage", "finish_reason")

    def __init__(self) -> None:
        self.finish_reason = ""
        self._usage = _NONE

    def event(self, message: bytes, events: list[Event]) -> bool:
        return self.end(events) if message.startswith(b"[DONE]") else self._read(message, events) is None

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
        output, suspect = None, item.error or not item.choices
        for choice in item.choices or ():
            if choice is None:
                continue
            delta = choice.delta
            plain = choice.text if delta is None else delta.content
            if type(plain) is str and plain:
                output = Output.ANSWER
            elif (kind := _output(choice)) and (output is None or _ORDER(kind) < _ORDER(output)):
                output = kind
            if choice.finish_reason:
                self.finish_reason = lenient.word(choice.finish_reason) or self.finish_reason
                suspect = suspect or self.finish_reason == "error"
        if output is not None:
            events.append(_TOKENS[output])
        if item.usage or item.timings:
            self._usage = read_usage(item.usage, item.timings, self._usage)
        if suspect and (reported := errors.said(message)) is not None:
            events.append(Error(reported))
            return None
        return item


def failed(message: bytes, events: list[Event]) -> bool:
    """Append the error of an event whose type says that it is one; return that it ends the stream."""
    events.append(Error(errors.said(message) or message.decode(errors="replace") or "an event of type error"))
    return True


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


def read_usage(counts: Any, timings: Any = None, known: Usage = _NONE) -> Usage:
    """Return what is known of the usage after an object: its counts, by either name, and llama.cpp's timings."""
    counts, timings = lenient.mapping(counts), lenient.mapping(timings)
    prompt, output = (_of(counts, names) for names in (("prompt", "input"), ("completion", "output")))
    found: dict[str, Any] = {
        "prompt_tokens": lenient.count(prompt[0]),
        "tokens": lenient.count(output[0]),
        "thinking_tokens": lenient.count(output[1].get("reasoning_tokens")),
        "cached_tokens": lenient.count(prompt[1].get("cached_tokens", timings.get("cache_n"))),
        "prompt_ns": lenient.duration(timings.get("prompt_ms"), 1_000_000),
        "decode_ns": lenient.duration(timings.get("predicted_ms"), 1_000_000),
    }
    if found["tokens"] is None and known.tokens is None:
        found["tokens"] = lenient.count(timings.get("predicted_n"))
    # What is not reported, or 0, takes nothing back.
    return replace(known, **{field: v for field, v in found.items() if v or getattr(known, field) is None})


def _of(counts: Mapping[str, Any], names: tuple[str, str]) -> tuple[Any, dict[str, Any]]:
    """Return the tokens of the first of these names that is there, and their details."""
    name = next((name for name in names if f"{name}_tokens" in counts), names[0])
    return counts.get(f"{name}_tokens"), lenient.mapping(counts.get(f"{name}_tokens_details"))


class _Decoder(sse.Decoder):
    """Decode a stream; its end is ``[DONE]``, or where that does not come, the body's own after a ``finish_reason``."""

    __slots__ = ("_reader",)

    def __init__(self) -> None:
        self._reader = _Reader()
        super().__init__(self._reader.event, failed)

    def _is_plain(self, message: bytes) -> bool:
        try:
            choice = _DECODE_PLAIN(message).choices[0]
        except lenient.PARSE_ERRORS:
            return False
        return bool(choice.text if choice.delta is None else choice.delta.content)

    def eof(self) -> list[Event]:
        events = super().eof()
        if self._reader.finish_reason and not self._ended:
            self._ended = self._reader.end(events)
        return events


def messages(prompt: Prompt) -> list[dict[str, str]]:
    """Return the messages of a chat."""
    return [{"role": each.role, "content": each.content} for each in prompt.chat]


def _under_v1(cell: Cell, path: str) -> str:
    return path if urlsplit(cell.url).path.rstrip("/").endswith("/v1") else f"/v1{path}"


class Api:
    """An API of OpenAI's kind, under ``/v1`` unless the target's URL already ends so."""

    simulated = True
    path: ClassVar[str]
    limit: ClassVar[str] = "max_tokens"  # the field with the most tokens of an answer

    def request(self, cell: Cell, prompt: Prompt) -> Request:
        workload = cell.workload
        body = {
            "model": workload.model,
            **self.question(prompt),
            "stream": workload.stream,
            **workload.options,
        }
        if prompt.output_tokens is not None:
            body[self.limit_of(cell)] = prompt.output_tokens
        return post(cell, _under_v1(cell, self.path), EVENT_STREAM, self.complete(body))

    def probe(self, cell: Cell) -> Request | None:
        return self.catalogue(cell)

    def catalogue(self, cell: Cell) -> Request:
        return ask(cell, _under_v1(cell, "/models"), "application/json")

    def question(self, prompt: Prompt) -> dict[str, Any]:
        """Return the fields that hold the prompt."""
        return {"prompt": prompt.text}

    def limit_of(self, cell: Cell) -> str:  # noqa: ARG002
        """Return the field that limits the answer for this target."""
        return self.limit

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body with the fields that it also needs: a stream reports its usage where that is requested."""
        return {**body, "stream_options": {"include_usage": True}} if body["stream"] else body

    def decoder(self, stream: bool) -> Decoder:
        return _Decoder() if stream else raw.Decoder(_Reader().whole)


class Chat(Api):
    """``POST /v1/chat/completions``."""

    takes_messages = True
    path = "/chat/completions"

    def question(self, prompt: Prompt) -> dict[str, Any]:
        return {"messages": messages(prompt)}

    def limit_of(self, cell: Cell) -> str:
        """Return OpenAI's newer name where that is meant: its own models refuse the older one, which is all that
        servers such as Ollama know.
        """
        own = cell.workload
        is_openai = (urlsplit(cell.url).hostname or "").endswith((".openai.com", ".openai.azure.com"))
        return _NEWER if is_openai or _NEWER in {*own.options, *own.body} else self.limit

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


@dataclass(frozen=True)
class Encoder(encoder.Encoder):
    """Encodes answers of ``/v1/chat/completions``; a stream reports its usage where that was requested."""

    include_usage: bool = False

    content_type = EVENT_STREAM.encode()
    id: ClassVar = "chatcmpl-simulator"
    object: ClassVar = "chat.completion.chunk"
    whole_object: ClassVar = "chat.completion"
    last: ClassVar[dict[str, Any]] = {"delta": {}}  # what a choice has after the last token

    def opening(self) -> bytes:
        return self._event({"delta": {"role": "assistant", "content": ""}})

    def token(self, text: str, stamp: bytes) -> bytes:  # noqa: ARG002 - it carries none
        return self._event(self.part(text))

    def final(self, ending: Ending) -> bytes:
        events = self._event(self.last, ending.reason)
        if self.include_usage:
            events += sse.event(self._object(choices=[], usage=counts(ending.usage)))
        return events + sse.event(b"[DONE]")

    def whole(self, ending: Ending) -> bytes:
        if not ending.done:
            return to_json({"choices": []})
        choice = {"index": 0, **self.all(ending.text), "finish_reason": ending.reason}
        return self._object(object=self.whole_object, choices=[choice], usage=counts(ending.usage))

    def part(self, text: str) -> dict[str, Any]:
        """Return what a choice has of one token."""
        return {"delta": {"content": text}}

    def all(self, text: str) -> dict[str, Any]:
        """Return what a choice has of a whole answer."""
        return {"message": {"role": "assistant", "content": text}}

    def error(self, message: str, status: int = 500) -> bytes:
        kind = "server_error" if status >= 500 else "invalid_request_error"
        return to_json({"error": {"message": message, "type": kind, "param": None, "code": None}})

    def event(self, body: bytes) -> bytes:
        return sse.event(body)

    def _event(self, choice: dict[str, Any], reason: str | None = None) -> bytes:
        return sse.event(self._object(choices=[{"index": 0, **choice, "finish_reason": reason}]))

    def _object(self, **fields: Any) -> bytes:
        return to_json({"id": self.id, "object": self.object, "created": 0, "model": self.model, **fields})


def counts(usage: Usage) -> dict[str, Any]:
    prompt, completion = usage.prompt_tokens or 0, usage.tokens or 0
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    if usage.cached_tokens is None:
        return counts
    return {**counts, "prompt_tokens_details": {"cached_tokens": usage.cached_tokens}}
