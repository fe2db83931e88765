"""Ollama: one JSON object per line, ``done: true`` in the last, a send time in each.

Decoding gives Token for every object with text (``response``, ``content`` or ``thinking``), End for the one
that is done, Error for ``{"error": …}`` inside a 200.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from loadgen.model import Cell, Request, Usage
from loadgen.protocols import encoder, ndjson, stamps
from loadgen.protocols.encoder import Ending, ask, post, to_json
from loadgen.protocols.events import PARSE_ERRORS, Decoder, End, Error, Event, Int64, Token, Undecodable
from loadgen.protocols.lines import MAX_BODY, MAX_LINE, excerpt

Kind = Literal["generate", "chat"]
_NDJSON = "application/x-ndjson"
_USAGE = {  # in its objects, and in ours
    "total_duration": "total_ns", "load_duration": "load_ns",
    "prompt_eval_count": "prompt_tokens", "prompt_eval_duration": "prompt_ns",
    "eval_count": "tokens", "eval_duration": "decode_ns",
}  # fmt: skip


class _Text(msgspec.Struct, gc=False):
    content: str | None = None
    thinking: str | None = None


class _Object(msgspec.Struct, gc=False):
    response: str | None = None  # of generate
    thinking: str | None = None
    message: _Text | None = None  # of chat
    created_at: str = ""
    done: bool = False
    error: Any = None
    total_duration: Int64 | None = None
    load_duration: Int64 | None = None
    prompt_eval_count: Int64 | None = None
    prompt_eval_duration: Int64 | None = None
    eval_count: Int64 | None = None
    eval_duration: Int64 | None = None


_PARSER = msgspec.json.Decoder(_Object)


def _read(line: bytes, events: list[Event]) -> bool:
    try:
        item = _PARSER.decode(line)
    except PARSE_ERRORS as error:
        raise Undecodable(f"{error}: {excerpt(line)}") from None
    if item.error is not None:
        events.append(Error(item.error if isinstance(item.error, str) else json.dumps(item.error)))
        return True
    message = item.message
    if item.response or item.thinking or (message and (message.content or message.thinking)):
        events.append(Token(stamps.parse(item.created_at)))
    if item.done:
        usage = {field: getattr(item, key) for key, field in _USAGE.items()}
        events.append(End(Usage(**usage, at_ns=stamps.parse(item.created_at))))
    return item.done


class Generate:
    """``POST /api/generate``."""

    simulated = True
    path = "/api/generate"

    def request(self, cell: Cell, prompt: str) -> Request:
        workload = cell.workload
        body = {"model": workload.model, **self.question(prompt), "stream": workload.stream}
        if workload.options:
            body["options"] = dict(workload.options)
        return post(cell, self.path, _NDJSON, body)

    def probe(self, cell: Cell) -> Request | None:
        return ask(cell, "/api/show", _NDJSON, {"model": cell.workload.model})

    def decoder(self, stream: bool) -> Decoder:
        # The one object of `stream: false` is read as a line; it may be a large one.
        return ndjson.Decoder(_read, MAX_LINE if stream else MAX_BODY)

    def question(self, prompt: str) -> dict[str, Any]:
        return {"prompt": prompt}


class Chat(Generate):
    """``POST /api/chat``."""

    path = "/api/chat"

    def question(self, prompt: str) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": prompt}]}


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

    def error(self, message: str) -> bytes:
        return to_json({"error": message})

    def event(self, body: bytes) -> bytes:
        return body + b"\n"

    def _object(self, stamp: bytes, text: str, **fields: Any) -> bytes:
        message = {"message": {"role": "assistant", "content": text}}
        answer = {"response": text} if self.kind == "generate" else message
        return to_json({"model": self.model, "created_at": stamp.decode(), **answer, **fields})
