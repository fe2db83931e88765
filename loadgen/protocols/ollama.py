"""Ollama: one JSON object per line, ``done: true`` in the last, a send time in each.

Decoding gives Token for every object with text (``response``, ``content`` or ``thinking``), End for the one
that is done, Error for ``{"error": …}`` inside a 200. Encoding is for the simulator; every object comes as the
bytes before and after its ``created_at``, so that all but the send time can be made ahead.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, TypeVar

import msgspec

from loadgen.model import Cell, Request, Usage
from loadgen.protocols import stamps
from loadgen.protocols.events import Decoder, End, Error, Event, Int64, Token, Undecodable
from loadgen.protocols.lines import Lines, excerpt
from loadgen.protocols.urls import below

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


class _Objects(Generic[T]):
    """Lines of one kind of object to events."""

    __slots__ = ("_ended", "_lines", "_parse", "_stamp")

    def __init__(self, parser: msgspec.json.Decoder[T]) -> None:
        self._lines = Lines()
        self._parse: Callable[[bytes], T] = parser.decode
        self._stamp = stamps.Parser()
        self._ended = False

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        try:
            for line in self._lines.feed(data):
                self._decode(line, events)
        except Undecodable as error:
            error.events = events
            raise
        return events

    def eof(self) -> list[Event]:
        # `stream: false` is one object without LF; a line cut short is no object, and the missing end tells.
        events: list[Event] = []
        rest = self._lines.rest()
        try:
            msgspec.json.decode(rest, type=msgspec.Raw)
        except msgspec.DecodeError:
            return events
        except RecursionError:
            pass
        self._decode(rest, events)
        return events

    def _decode(self, line: bytes, events: list[Event]) -> None:
        if self._ended or not line or line.isspace():
            return
        try:
            item = self._parse(line)
        # msgspec raises UnicodeDecodeError, a ValueError, for bad UTF-8, and RecursionError for deep nesting.
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Undecodable(f"{error}: {excerpt(line)}") from None
        if item.error is not None:
            self._ended = True
            events.append(Error(item.error if isinstance(item.error, str) else json.dumps(item.error)))
            return
        if item.has_text():
            events.append(Token(self._stamp(item.created_at)))
        if item.done:
            self._ended = True
            events.append(
                End(
                    Usage(
                        total_ns=item.total_duration,
                        load_ns=item.load_duration,
                        prompt_tokens=item.prompt_eval_count,
                        prompt_ns=item.prompt_eval_duration,
                        tokens=item.eval_count,
                        decode_ns=item.eval_duration,
                        at_ns=self._stamp(item.created_at),
                    )
                )
            )


class _Ollama(ABC):
    path: str

    def request(self, cell: Cell, prompt: str) -> Request:
        body = {"model": cell.workload.model, **self.ask(prompt), "stream": cell.workload.stream}
        if cell.workload.options:
            body["options"] = dict(cell.workload.options)
        return _post(cell, self.path, body)

    def probe(self, cell: Cell) -> Request | None:
        return _post(cell, "/api/show", {"model": cell.workload.model})

    @abstractmethod
    def ask(self, prompt: str) -> dict[str, Any]: ...


def _post(cell: Cell, path: str, body: dict[str, Any]) -> Request:
    headers = {"Content-Type": "application/json", "Accept": "application/x-ndjson", **cell.headers}
    return Request("POST", below(cell.url, path), headers, json.dumps(body, ensure_ascii=False).encode())


_GENERATED = msgspec.json.Decoder(_Generated)
_CHATTED = msgspec.json.Decoder(_Chatted)


class Generate(_Ollama):
    """``POST /api/generate``."""

    path = "/api/generate"

    def ask(self, prompt: str) -> dict[str, Any]:
        return {"prompt": prompt}

    def decoder(self, stream: bool) -> Decoder:  # noqa: ARG002 - both are read alike
        return _Objects(_GENERATED)


class Chat(_Ollama):
    """``POST /api/chat``."""

    path = "/api/chat"

    def ask(self, prompt: str) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": prompt}]}

    def decoder(self, stream: bool) -> Decoder:  # noqa: ARG002 - both are read alike
        return _Objects(_CHATTED)


# ------------------------------------------------------------------------------------ for the simulator


def token_parts(kind: Kind, model: str, text: str) -> tuple[bytes, bytes]:
    """One object with text: the bytes before and after its ``created_at``, LF included."""
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
    """The last object, cut like :func:`token_parts`. Usage that are zero or None are left out, as Ollama does."""
    told = {
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
    return _parts(model, body | {key: value for key, value in told.items() if value})


def _text(kind: Kind, text: str) -> dict[str, Any]:
    return {"response": text} if kind == "generate" else {"message": {"role": "assistant", "content": text}}


def _json(value: Any) -> str:
    """As Go's encoding/json pauses it, which escapes what could end a script element or a line of JavaScript."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPED_BY_GO)


_ESCAPED_BY_GO = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def _parts(model: str, rest: dict[str, Any]) -> tuple[bytes, bytes]:
    head = f'{{"model":{_json(model)},"created_at":"'
    tail = '",' + _json(rest)[1:] + "\n"
    return head.encode(), tail.encode()
