"""Ollama: one JSON object per line, ``done: true`` in the last, a send time in each.

Decoding gives Token for every object with text (``response``, ``content`` or ``thinking``), End for the one
that is done, Error for ``{"error": …}`` inside a 200. Encoding is for the simulator; every object is returned as the
bytes before and after its ``created_at``, so that all but the send time can be prepared.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, TypeVar

import msgspec

from loadgen.model import Cell, Request, Usage
from loadgen.protocols import ndjson, stamps
from loadgen.protocols.events import Decoder, End, Error, Event, Int64, Token, Undecodable
from loadgen.protocols.lines import MAX_BODY, MAX_LINE, excerpt
from loadgen.protocols.urls import join_url

Kind = Literal["generate", "chat"]


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


T = TypeVar("T", _Generated, _Chatted)


class _Reader(Generic[T]):
    """The objects of one stream."""

    __slots__ = ("_parse", "_stamp")

    def __init__(self, parser: msgspec.json.Decoder[T]) -> None:
        self._parse: Callable[[bytes], T] = parser.decode
        self._stamp = stamps.Parser()

    def read(self, line: bytes, events: list[Event]) -> bool:
        try:
            item = self._parse(line)
        # msgspec raises UnicodeDecodeError, a ValueError, for bad UTF-8, and RecursionError for deep nesting.
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
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


def _decoder(parser: msgspec.json.Decoder[T], stream: bool) -> Decoder:
    # The one object of `stream: false` is read as a line; it may be a large one.
    return ndjson.Decoder(_Reader(parser).read, MAX_LINE if stream else MAX_BODY)


class _Ollama(ABC):
    path: str

    def request(self, cell: Cell, prompt: str) -> Request:
        body = {"model": cell.workload.model, **self.question(prompt), "stream": cell.workload.stream}
        if cell.workload.options:
            body["options"] = dict(cell.workload.options)
        return _post(cell, self.path, body)

    def probe(self, cell: Cell) -> Request | None:
        return _post(cell, "/api/show", {"model": cell.workload.model})

    @abstractmethod
    def question(self, prompt: str) -> dict[str, Any]: ...


def _post(cell: Cell, path: str, body: dict[str, Any]) -> Request:
    headers = {"Content-Type": "application/json", "Accept": "application/x-ndjson", **cell.headers}
    return Request("POST", join_url(cell.url, path), headers, json.dumps(body, ensure_ascii=False).encode())


_GENERATED = msgspec.json.Decoder(_Generated)
_CHATTED = msgspec.json.Decoder(_Chatted)


class Generate(_Ollama):
    """``POST /api/generate``."""

    path = "/api/generate"

    def question(self, prompt: str) -> dict[str, Any]:
        return {"prompt": prompt}

    def decoder(self, stream: bool) -> Decoder:
        return _decoder(_GENERATED, stream)


class Chat(_Ollama):
    """``POST /api/chat``."""

    path = "/api/chat"

    def question(self, prompt: str) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": prompt}]}

    def decoder(self, stream: bool) -> Decoder:
        return _decoder(_CHATTED, stream)


# ------------------------------------------------------------------------------------ for the simulator


def token_parts(kind: Kind, model: str, text: str) -> tuple[bytes, bytes]:
    """Return one object with text: the bytes before and after its ``created_at``, LF included."""
    return _parts(model, {**_text(kind, text), "done": False})


def final_parts(
    kind: Kind,
    model: str,
    usage: Usage,
    *,
    text: str = "",
    reason: str = "stop",
    context: Sequence[int] = (),
) -> tuple[bytes, bytes]:
    """Return the last object, cut like :func:`token_parts`. Zeros and None are left out of it, as Ollama does."""
    usage_fields = {
        "total_duration": usage.total_ns,
        "load_duration": usage.load_ns,
        "prompt_eval_count": usage.prompt_tokens,
        "prompt_eval_duration": usage.prompt_ns,
        "eval_count": usage.tokens,
        "eval_duration": usage.decode_ns,
    }
    body: dict[str, Any] = {**_text(kind, text), "done": True, "done_reason": reason}
    if kind == "generate" and context:
        body["context"] = list(context)
    return _parts(model, body | {key: value for key, value in usage_fields.items() if value})


def _text(kind: Kind, text: str) -> dict[str, Any]:
    return {"response": text} if kind == "generate" else {"message": {"role": "assistant", "content": text}}


def _json(value: Any) -> str:
    """Encode as Go's encoding/json does: it escapes what could end a script element or a line of JavaScript."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPED_BY_GO)


_ESCAPED_BY_GO = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def _parts(model: str, rest: dict[str, Any]) -> tuple[bytes, bytes]:
    head = f'{{"model":{_json(model)},"created_at":"'
    tail = '",' + _json(rest)[1:]
    return head.encode(), ndjson.line(tail.encode())
