"""Ollama: one JSON object per line, ``done: true`` in the last, a send time in each.

Decoding gives Token for every object with output (``response``, ``content``, ``thinking`` or ``tool_calls``), End for
the one that is done, Error for one that reports an error inside a 200.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from loadgen.model import Cell, Output, Prompt, Request, Usage
from loadgen.protocols import encoder, errors, lenient, ndjson, raw, stamps
from loadgen.protocols.encoder import Ending, ask, post, to_json
from loadgen.protocols.events import Decoder, End, Error, Event, Token

Kind = Literal["generate", "chat"]
_NDJSON = "application/x-ndjson"
_JSON = "application/json"
_USAGE = {  # in its objects, and in ours
    "total_duration": "total_ns", "load_duration": "load_ns",
    "prompt_eval_count": "prompt_tokens", "prompt_eval_duration": "prompt_ns",
    "eval_count": "tokens", "eval_duration": "decode_ns",
}  # fmt: skip


class _Message(msgspec.Struct, gc=False):
    content: Any = None
    thinking: Any = None
    tool_calls: Any = None
    refusal: Any = None


class _Object(msgspec.Struct, gc=False):
    response: Any = None  # of generate
    thinking: Any = None
    message: _Message | str | None = None  # of chat; a text is an error
    created_at: Any = None
    done: bool | None = False
    error: Any = None


class _PlainMessage(msgspec.Struct, gc=False):
    content: str


class _Plain(msgspec.Struct, gc=False):
    """An object whose text is an answer, and that has nothing else that counts."""

    response: str | None = None
    message: _PlainMessage | None = None
    created_at: str = ""
    done: bool | None = False
    error: None = None


_DECODE = msgspec.json.Decoder(_Object).decode
_DECODE_PLAIN = msgspec.json.Decoder(_Plain).decode
_stamp, _SECONDS = stamps.parse, stamps.SECONDS


def _read(line: bytes, events: list[Event]) -> bool:
    try:
        item = _DECODE(line)
    except lenient.PARSE_ERRORS as error:
        item = lenient.convert(line, _Object, error)
    text = item.response
    if type(item.message) is _Message:
        text = item.message.content
    if type(text) is str and text:
        events.append(Token(_stamp(item.created_at)))
        if not item.done and not item.error:
            return False
        silent = False
    else:
        kind = _output(item, text)
        silent = kind is None and not item.done
        if kind is not None:
            events.append(Token(_stamp(item.created_at), kind))
    if (item.error or silent) and (reported := errors.said(line)) is not None:
        events.append(Error(reported))
        return True
    if item.done:
        events.append(End(_usage(line)))
    return bool(item.done)


class _Lines(ndjson.Decoder):
    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(_read)

    def plain_token(self, data: bytes) -> int | None:
        if self._parts or self._ended or not data.find(b"\n") == len(data) - 1 < self.max_bytes:
            return None
        try:
            item = _DECODE_PLAIN(data)
            message = item.message
            if item.done or not (item.response if message is None else message.content):
                return None
            at = item.created_at
            return _SECONDS[at[:19]] + int(at[20:29]) or None if at[29:] == "Z" else None  # as stamps.parse
        except (ValueError, OverflowError, RecursionError):
            return None


def _output(item: _Object, text: Any) -> Output | None:
    """Return the kind of output that an object carries beside its plain text."""
    if isinstance(item.message, _Message):
        more = item.message
        return lenient.output(text, more.thinking or item.thinking, more.tool_calls, more.refusal)
    return lenient.output(text, item.thinking)


def _whole(body: bytes, events: list[Event]) -> bool:
    """Read the one object of an answer, or the lines of a server that streams nevertheless."""
    if lenient.is_json(body):
        return _read(body, events)
    lines = ndjson.Decoder(_read)
    events += lines.feed(body)
    events += lines.eof()
    return True


def _usage(line: bytes) -> Usage:
    found = lenient.mapping(line)
    return Usage(
        **{
            field: (lenient.duration if field.endswith("_ns") else lenient.count)(found.get(key))
            for key, field in _USAGE.items()
        },
        at_ns=_stamp(found.get("created_at")),
        finish_reason=lenient.word(found.get("done_reason")),
    )


class Generate:
    """``POST /api/generate``."""

    simulated = True
    path = "/api/generate"

    def request(self, cell: Cell, prompt: Prompt) -> Request:
        workload = cell.workload
        body = {"model": workload.model, **self.question(prompt), "stream": workload.stream}
        limit = {} if prompt.output_tokens is None else {"num_predict": prompt.output_tokens}
        if options := {**workload.options, **limit}:
            body["options"] = options
        return post(cell, self.path, _NDJSON, body)

    def probe(self, cell: Cell) -> Request | None:
        return ask(cell, "/api/show", _JSON, {"model": cell.workload.model})

    def catalogue(self, cell: Cell) -> Request:
        return ask(cell, "/api/tags", _JSON)

    def unload(self, cell: Cell) -> Request:
        return ask(cell, "/api/generate", _JSON, {"model": cell.workload.model, "keep_alive": 0})

    def in_memory(self, cell: Cell) -> Request:
        return ask(cell, "/api/ps", _JSON)

    def decoder(self, stream: bool) -> Decoder:
        return _Lines() if stream else raw.Decoder(_whole)

    def question(self, prompt: Prompt) -> dict[str, Any]:
        return {"prompt": prompt.text}


class Chat(Generate):
    """``POST /api/chat``."""

    takes_messages = True
    path = "/api/chat"

    def answer(self, body: bytes) -> str:
        texts: list[str] = []

        def read(line: bytes, _: list[Event]) -> bool:
            text = lenient.mapping(lenient.mapping(line).get("message")).get("content")
            texts.append(text if isinstance(text, str) else "")
            return False

        lines = ndjson.Decoder(read)
        lines.feed(body)
        lines.eof()
        return "".join(texts)

    def question(self, prompt: Prompt) -> dict[str, Any]:
        return {"messages": [{"role": each.role, "content": each.content} for each in prompt.chat]}


@dataclass(frozen=True)
class Encoder(encoder.Encoder):
    """Encodes answers of ``/api/generate`` or ``/api/chat``."""

    kind: Kind

    content_type = _NDJSON.encode()

    def token(self, text: str, stamp: bytes) -> bytes:
        return self._object(stamp, text, done=False) + b"\n"

    def final(self, ending: Ending) -> bytes:
        return self.whole(ending) + b"\n"

    def whole(self, ending: Ending) -> bytes:
        context = list(ending.context) if self.kind == "generate" else None
        usage = {"context": context} | {key: getattr(ending.usage, field) for key, field in _USAGE.items()}
        # Ollama leaves out what is zero or empty.
        usage = {key: value for key, value in usage.items() if value}
        return self._object(ending.stamp, ending.text, done=ending.done, done_reason=ending.reason, **usage)

    def error(self, message: str, status: int = 500) -> bytes:  # noqa: ARG002 - it stands in the head alone
        return to_json({"error": message})

    def event(self, body: bytes) -> bytes:
        return body + b"\n"

    def _object(self, stamp: bytes, text: str, **fields: Any) -> bytes:
        message = {"message": {"role": "assistant", "content": text}}
        answer = {"response": text} if self.kind == "generate" else message
        return to_json({"model": self.model, "created_at": stamp.decode(), **answer, **fields})
