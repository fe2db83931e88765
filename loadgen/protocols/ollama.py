"""Ollama: one JSON object per line, ``done: true`` in the last, a send time in each.

Decoding gives Token for every object with text (``response``, ``content`` or ``thinking``), End for the one
that is done, Error for ``{"error": …}`` inside a 200.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from loadgen.model import Cell, Request, Usage
from loadgen.protocols import encoder, ndjson, stamps
from loadgen.protocols.encoder import Ending, to_json
from loadgen.protocols.events import PARSE_ERRORS, Decoder, End, Error, Event, Int64, Token, Undecodable
from loadgen.protocols.lines import MAX_BODY, MAX_LINE, excerpt
from loadgen.protocols.request import post

Kind = Literal["generate", "chat"]
_NDJSON = "application/x-ndjson"


class _Object(msgspec.Struct, gc=False):
    created_at: str = ""
    done: bool = False
    error: Any = None
    total_duration: Int64 | None = None
    load_duration: Int64 | None = None
    prompt_eval_count: Int64 | None = None
    prompt_eval_duration: Int64 | None = None
    eval_count: Int64 | None = None
    eval_duration: Int64 | None = None


class _Generated(_Object, gc=False):
    response: str | None = None
    thinking: str | None = None

    def has_text(self) -> bool:
        return bool(self.response or self.thinking)


class _Message(msgspec.Struct, gc=False):
    content: str | None = None
    thinking: str | None = None


class _Chatted(_Object, gc=False):
    message: _Message | None = None

    def has_text(self) -> bool:
        return self.message is not None and bool(self.message.content or self.message.thinking)


class _Reader:
    """Reads the objects of one stream."""

    __slots__ = ("_parse", "_stamp")

    def __init__(self, parse: Callable[[bytes], _Generated | _Chatted]) -> None:
        self._parse = parse
        self._stamp = stamps.Parser()

    def read(self, line: bytes, events: list[Event]) -> bool:
        try:
            item = self._parse(line)
        except PARSE_ERRORS as error:
            raise Undecodable(f"{error}: {excerpt(line)}") from None
        if item.error is not None:
            events.append(Error(item.error if isinstance(item.error, str) else json.dumps(item.error)))
            return True
        if item.has_text():
            events.append(Token(self._stamp(item.created_at)))
        if item.done:
            events.append(End(_usage(item, self._stamp(item.created_at))))
        return item.done


def _usage(item: _Object, at_ns: int | None) -> Usage:
    return Usage(
        total_ns=item.total_duration,
        load_ns=item.load_duration,
        prompt_tokens=item.prompt_eval_count,
        prompt_ns=item.prompt_eval_duration,
        tokens=item.eval_count,
        decode_ns=item.eval_duration,
        at_ns=at_ns,
    )


_GENERATED = msgspec.json.Decoder(_Generated)
_CHATTED = msgspec.json.Decoder(_Chatted)


class Generate:
    """``POST /api/generate``."""

    simulated = True
    path = "/api/generate"
    parse: Callable[[bytes], _Generated | _Chatted] = _GENERATED.decode

    def request(self, cell: Cell, prompt: str) -> Request:
        workload = cell.workload
        body = {"model": workload.model, **self.question(prompt), "stream": workload.stream}
        if workload.options:
            body["options"] = dict(workload.options)
        return post(cell, self.path, _NDJSON, body)

    def probe(self, cell: Cell) -> Request | None:
        return post(cell, "/api/show", _NDJSON, {"model": cell.workload.model})

    def decoder(self, stream: bool) -> Decoder:
        # The one object of `stream: false` is read as a line; it may be a large one.
        return ndjson.Decoder(_Reader(self.parse).read, MAX_LINE if stream else MAX_BODY)

    def question(self, prompt: str) -> dict[str, Any]:
        return {"prompt": prompt}


class Chat(Generate):
    """``POST /api/chat``."""

    path = "/api/chat"
    parse = _CHATTED.decode

    def question(self, prompt: str) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": prompt}]}


@dataclass(frozen=True)
class Encoder(encoder.Encoder):
    """Encodes answers of ``/api/generate`` or ``/api/chat``."""

    kind: Kind

    content_type = _NDJSON.encode()

    def token(self, text: str) -> tuple[bytes, bytes]:
        before, after = self._parts({**self._text(text), "done": False})
        return before, ndjson.line(after)

    def final(self, ending: Ending) -> bytes:
        return ndjson.line(self.whole(ending))

    def whole(self, ending: Ending) -> bytes:
        usage = ending.usage
        fields = {**self._text(ending.text), "done": ending.done, "done_reason": ending.reason}
        figures = {
            "context": list(ending.context) if self.kind == "generate" else None,
            "total_duration": usage.total_ns,
            "load_duration": usage.load_ns,
            "prompt_eval_count": usage.prompt_tokens,
            "prompt_eval_duration": usage.prompt_ns,
            "eval_count": usage.tokens,
            "eval_duration": usage.decode_ns,
        }
        # Ollama leaves out what is zero or empty.
        before, after = self._parts(fields | {key: value for key, value in figures.items() if value})
        return before + ending.stamp + after

    def error(self, message: str) -> bytes:
        return to_json({"error": message})

    def event(self, body: bytes) -> bytes:
        return ndjson.line(body)

    def _parts(self, fields: dict[str, Any]) -> tuple[bytes, bytes]:
        """Return an object in two parts: before and after its ``created_at``."""
        head = to_json({"model": self.model, "created_at": ""}).removesuffix(b'"}')
        return head, b'",' + to_json(fields).removeprefix(b"{")

    def _text(self, text: str) -> dict[str, Any]:
        if self.kind == "generate":
            return {"response": text}
        return {"message": {"role": "assistant", "content": text}}
