"""OpenAI's responses: server-sent events, each with its ``type``; ``response.completed`` or ``incomplete`` at the end.

Deltas of text, refusals, reasoning and the arguments of tool calls are output, and so is the name that begins a tool
call. A last event with output that no delta had carried counts as output. ``stream: false`` is one object.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import msgspec

from loadgen.model import Output, Prompt, Usage
from loadgen.protocols import encoder, errors, lenient, openai, raw, sse
from loadgen.protocols.encoder import Ending, to_json
from loadgen.protocols.events import Decoder, End, Error, Event, Token

_DELTAS = {  # the type of an event with a delta -> what it carries
    "response.output_text.delta": Output.ANSWER,
    "response.audio.delta": Output.ANSWER,
    "response.audio.transcript.delta": Output.ANSWER,
    "response.refusal.delta": Output.REFUSAL,
    "response.function_call_arguments.delta": Output.TOOL_CALL,
    "response.custom_tool_call_input.delta": Output.TOOL_CALL,
    "response.mcp_call_arguments.delta": Output.TOOL_CALL,
    "response.code_interpreter_call_code.delta": Output.TOOL_CALL,
    "response.shell_call_command.delta": Output.TOOL_CALL,
    "response.reasoning_text.delta": Output.THINKING,
    "response.reasoning_summary_text.delta": Output.THINKING,
}
_ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_ORDER = [*Output].index


class _Event(msgspec.Struct, gc=False):
    type: Any = None
    delta: Any = None
    item: Any = None
    response: Any = None
    timings: Any = None
    error: Any = None


class _Plain(msgspec.Struct, gc=False):
    """A delta of text."""

    type: Literal["response.output_text.delta"]
    delta: str


_DECODE = msgspec.json.Decoder(_Event).decode
_DECODE_PLAIN = msgspec.json.Decoder(_Plain).decode
_TOKENS = {kind: Token(None, kind) for kind in Output}


class _Reader:
    """Reads the events of one stream, or its one object."""

    __slots__ = ("silent",)

    def __init__(self) -> None:
        self.silent = True  # no output yet

    def event(self, message: bytes, events: list[Event]) -> bool:
        if message.startswith(b"[DONE]"):  # which some servers add
            return False
        try:
            item = _DECODE(message)
        except lenient.PARSE_ERRORS as error:
            item = lenient.convert(message, _Event, error)
        kind = _DELTAS.get(item.type) if isinstance(item.type, str) else None
        if kind is not None:
            if lenient.has_text(item.delta):
                events.append(_TOKENS[kind])
                self.silent = False
        elif item.type == "response.output_item.added":
            if (kind := _kind(item.item)) is Output.TOOL_CALL:
                events.append(_TOKENS[kind])
                self.silent = False
        elif item.type in _ENDS:
            return self._end({"timings": item.timings, **lenient.mapping(item.response)}, events)
        elif not isinstance(item.type, str) or item.type == "error" or item.error:
            return errors.found(message, events)
        return False

    def whole(self, body: bytes, events: list[Event]) -> bool:
        item = lenient.json_object(body)
        if not isinstance(item.get("output"), list):
            return errors.found(body, events)
        return self._end(item, events)

    def _end(self, response: dict[str, Any], events: list[Event]) -> bool:
        """Append what a response that has ended adds: its output, if no delta had any, and its end or error."""
        status = lenient.word(response.get("status"))
        if response.get("error") or status == "failed":
            events.append(Error(errors.said(msgspec.json.encode(response)) or "the response failed"))
            return True
        items = response.get("output")
        kinds = {kind for item in items if (kind := _kind(item))} if isinstance(items, list) else set()
        if self.silent and kinds:
            events.append(_TOKENS[min(kinds, key=_ORDER)])
        reason = lenient.mapping(response.get("incomplete_details")).get("reason")
        usage = openai.read_usage(response.get("usage"), response.get("timings"))
        events.append(End(replace(usage, finish_reason=lenient.word(reason) or status)))
        return True


class _Decoder(sse.Decoder):
    __slots__ = ("_reader",)
    _before = b"event: response.output_text.delta\ndata: "

    def __init__(self) -> None:
        self._reader = _Reader()
        super().__init__(self._reader.event, openai.failed)

    def _is_plain(self, message: bytes) -> bool:
        try:
            has_text = bool(_DECODE_PLAIN(message).delta)
        except lenient.PARSE_ERRORS:
            return False
        if has_text:
            self._reader.silent = False
        return has_text


def _kind(item: Any) -> Output | None:
    """Return the kind of output of an item of a response: a message, reasoning, or a call of a tool."""
    of = lenient.mapping(item)
    if str(of.get("type")).endswith("_call"):
        return Output.TOOL_CALL
    if of.get("type") == "reasoning":
        return lenient.output(None, of.get("content") or of.get("summary"))
    content = of.get("content")
    parts = content if isinstance(content, list) else []
    refusals = [part for part in parts if lenient.mapping(part).get("type") == "refusal"]
    return lenient.output(
        [part for part in parts if part not in refusals] if refusals else content, refusal=refusals
    )


class Responses(openai.Api):
    """``POST /v1/responses``."""

    takes_messages = True
    path = "/responses"
    limit = "max_output_tokens"

    def question(self, prompt: Prompt) -> dict[str, Any]:
        return {"input": openai.messages(prompt)}

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        return body

    def decoder(self, stream: bool) -> Decoder:
        return _Decoder() if stream else raw.Decoder(_Reader().whole)

    def answer(self, body: bytes) -> str:
        texts: list[str] = []

        def read(message: bytes, _: list[Event]) -> bool:
            event = lenient.mapping(message)
            if event.get("type") == "response.output_text.delta" and isinstance(event.get("delta"), str):
                texts.append(event["delta"])
            return False

        if not lenient.is_json(body):
            sse.Decoder(read).feed(body)
            return "".join(texts)
        items = lenient.mapping(body).get("output")
        parts = [lenient.mapping(item).get("content") for item in items] if isinstance(items, list) else []
        found = [lenient.mapping(p).get("text") for part in parts if isinstance(part, list) for p in part]
        return "".join(text for text in found if isinstance(text, str))


@dataclass(frozen=True)
class Encoder(encoder.Encoder):
    """Encodes answers of ``/v1/responses``. All tokens have one ``sequence_number``, as they are encoded ahead."""

    content_type = openai.EVENT_STREAM.encode()
    repeats_text = True
    _at: ClassVar = {"item_id": "msg_simulator", "output_index": 0, "content_index": 0}

    def opening(self) -> bytes:
        response, item = self._response("in_progress"), _message("in_progress")
        return b"".join(
            (
                _event("created", 0, response=response),
                _event("in_progress", 1, response=response),
                _event("output_item.added", 2, output_index=0, item=item),
                _event("content_part.added", 3, **self._at, part=_text("")),
            )
        )

    def token(self, text: str, stamp: bytes) -> bytes:  # noqa: ARG002 - it carries none
        return _event("output_text.delta", 4, **self._at, delta=text, logprobs=[])

    def final(self, ending: Ending) -> bytes:
        status, _ = _status(ending)
        item = _message(status, ending.text)
        return b"".join(
            (
                _event("output_text.done", 5, **self._at, text=ending.text, logprobs=[]),
                _event("content_part.done", 6, **self._at, part=_text(ending.text)),
                _event("output_item.done", 7, output_index=0, item=item),
                _event(status, 8, response=self._ended(ending)),
            )
        )

    def whole(self, ending: Ending) -> bytes:
        return to_json(self._ended(ending) if ending.done else self._response("in_progress"))

    def error(self, message: str, status: int = 500) -> bytes:
        return openai.Encoder(self.model).error(message, status)

    def failure(self, message: str) -> bytes:
        fields = {"code": "server_error", "message": message, "param": None}
        return b"event: error\n" + sse.event(to_json({"type": "error", "sequence_number": 5, **fields}))

    def event(self, body: bytes) -> bytes:
        return sse.event(body)

    def _ended(self, ending: Ending) -> dict[str, Any]:
        status, details = _status(ending)
        counted = {"output": [_message(status, ending.text)], "usage": _counts(ending.usage)}
        return self._response(status) | counted | {"incomplete_details": details}

    def _response(self, status: str) -> dict[str, Any]:
        head = {
            "id": "resp_simulator",
            "object": "response",
            "created_at": 0,
            "status": status,
            "error": None,
        }
        tools = {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
        return {**head, "incomplete_details": None, "model": self.model, "output": [], **tools, "usage": None}


def _event(kind: str, number: int, **fields: Any) -> bytes:
    kind = f"response.{kind}"
    data = to_json({"type": kind, "sequence_number": number, **fields})
    return f"event: {kind}\n".encode() + sse.event(data)


def _message(status: str, text: str | None = None) -> dict[str, Any]:
    content = [] if text is None else [_text(text)]
    return {
        "type": "message",
        "id": "msg_simulator",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def _text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _status(ending: Ending) -> tuple[str, dict[str, str] | None]:
    cut = ending.reason == "length"
    return ("incomplete", {"reason": "max_output_tokens"}) if cut else ("completed", None)


def _counts(usage: Usage) -> dict[str, Any]:
    prompt, output = usage.prompt_tokens or 0, usage.tokens or 0
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens or 0},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + output,
    }
