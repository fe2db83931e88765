"""Protocols that the scenario describes: bytes, lines of JSON, server-sent events.

The request is a template (``Workload.request``). ``bytes`` counts no tokens; of the others JSON Pointers
(``Workload.events``) find the text, the end, an error and the usage.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec

from loadgen.model import Cell, Events, Prompt, Request, Usage, Workload
from loadgen.protocols import encoder, errors, lenient, ndjson, pointers, sse, template
from loadgen.protocols.encoder import Ending, to_json
from loadgen.protocols.events import Decoder, End, Error, Event, Token, Undecodable
from loadgen.protocols.lines import excerpt

COUNTS = ("tokens", "prompt_tokens", "thinking_tokens", "cached_tokens")
USAGE = (*COUNTS, "finish_reason")

_DECODE = msgspec.json.Decoder().decode
_TOKEN = Token(None)


class _Reader:
    """Reads the events of one stream by pointers. ``literal``: where no pointer finds the end, the last data does."""

    __slots__ = (
        *(
            "_end",
            "_error",
            "_events",
            "_first",
            "_is_opaque",
            "_last",
            "_literal",
            "_number",
            "_text",
            "_usage",
        ),
        "found",
    )

    def __init__(self, events: Events, *, literal: bool) -> None:
        self._events = events
        self._literal = _literal(events) if literal else None
        self._text, self._error = _parts(events.text), _parts(events.error)
        self._end = None if self._literal is not None else _parts(events.end)
        self._usage = [(name, pointers.parts(pointer)) for name, pointer in events.usage]
        pointed = (self._text, self._error, self._end)
        self._is_opaque = literal and not events.usage and all(each is None for each in pointed)
        self._first = self._last = b""
        self._number = 0
        self.found: dict[str, Any] = {}

    def event(self, message: bytes, events: list[Event]) -> bool:
        """Append what the event means; return whether it ends the stream."""
        if self._literal is not None and message.strip() == self._literal:
            return self.ended(events)
        if self._is_opaque:
            events.append(_TOKEN)
            return False
        self._number += 1
        self._last = message[:81]
        self._first = self._first or self._last
        try:
            item = _DECODE(message)
        except lenient.PARSE_ERRORS as error:
            item = self._converted(message, error)
        silent = self._text is None or not _is_text(pointers.find(item, self._text))
        if not silent:
            events.append(_TOKEN)
        if (reported := self._reported(item, message, silent=silent)) is not None:
            events.append(Error(reported))
            return True
        for name, where in self._usage:
            if (value := pointers.find(item, where)) is not None:
                self.found[name] = value
        if self._end is not None and pointers.find(item, self._end):
            return self.ended(events)
        if self._text is None:
            events.append(_TOKEN)
        return False

    def _converted(self, message: bytes, error: Exception) -> Any:
        """Return what msgspec refused with ``error``. Raises Undecodable."""
        try:
            return lenient.convert(message, Any, error)
        except Undecodable as found:
            if message.strip() != b"[DONE]":
                raise
            raise Undecodable(f'{found}; events.end: "[DONE]" makes it the end') from None

    def failed(self, message: bytes, events: list[Event]) -> bool:
        """Append the error of an event whose type says that it is one."""
        own = _said(pointers.find(lenient.mapping(message), self._error)) if self._error is not None else None
        events.append(
            Error(own or errors.said(message) or message.decode(errors="replace") or "an event of type error")
        )
        return True

    def ended(self, events: list[Event]) -> bool:
        """Append the end; return that it is one."""
        counts: dict[str, Any] = {name: lenient.count(self.found.get(name)) for name in COUNTS}
        events.append(End(Usage(**counts, finish_reason=lenient.word(self.found.get("finish_reason")))))
        return True

    def missed(self, *, end: bool) -> str:
        """Return which pointer found nothing in the whole stream: to the end, or to the text."""
        pointer = self._events.end if end else self._events.text
        if pointer is None or not self._number:
            return ""
        number = f"{self._number} event{'s' if self._number > 1 else ''}"
        if not end:
            return (
                f"no text found at {pointer or 'the top'} in {number}; the first was {excerpt(self._first)}"
            )
        what = f"end found at {pointer}" if self._literal is None else f"event {pointer} came"
        return f"no {what} in {number}; the last was {excerpt(self._last)}"

    def _reported(self, item: Any, message: bytes, *, silent: bool) -> str | None:
        """Return the error that an event reports. Where no pointer says where, one without text may be recognised."""
        if self._error is not None:
            return _said(pointers.find(item, self._error))
        return errors.said(message) if silent and self._text is not None else None


def _said(value: Any) -> str | None:
    """Return the error that is there; ``None`` where it is empty."""
    if not value:
        return None
    return value if isinstance(value, str) else errors.said(to_json({"error": value}))


def _is_text(value: Any) -> bool:
    return value is not None and value is not False and value not in ("", [], {})


def _parts(pointer: str | None) -> pointers.Parts | None:
    return None if pointer is None else pointers.parts(pointer)


def _literal(events: Events) -> bytes | None:
    """Return the data that ends a stream; ``None`` where a pointer finds the end, or nothing does."""
    return None if events.end is None or pointers.is_pointer(events.end) else events.end.strip().encode()


class _Lines(ndjson.Decoder):
    __slots__ = ("_reader", "_until_body")

    def __init__(self, events: Events) -> None:
        self._reader = _Reader(events, literal=False)
        self._until_body = events.end is None
        super().__init__(self._reader.event)

    def eof(self) -> list[Event]:
        return _at_end(super().eof(), self._reader, ended=self._ended or not self._until_body)

    def missed(self, *, end: bool) -> str:
        return self._reader.missed(end=end)


class _ServerSent(sse.Decoder):
    __slots__ = ("_reader", "_until_body")

    def __init__(self, events: Events) -> None:
        self._reader = _Reader(events, literal=True)
        self._until_body = events.end is None
        super().__init__(self._reader.event, self._reader.failed)

    def eof(self) -> list[Event]:
        return _at_end(super().eof(), self._reader, ended=self._ended or not self._until_body)

    def missed(self, *, end: bool) -> str:
        return self._reader.missed(end=end)


def _at_end(events: list[Event], reader: _Reader, *, ended: bool) -> list[Event]:
    """Return the last events of a body, whose end is the stream's where nothing else ends it."""
    if not ended and not (events and isinstance(events[-1], End | Error)):
        reader.ended(events)
    return events


class _Anything:
    """Decode a body of which only the end counts."""

    __slots__ = ()

    def feed(self, data: bytes) -> list[Event]:  # noqa: ARG002
        return []

    def eof(self) -> list[Event]:
        return [End(Usage())]


class Generic:
    """A protocol that the scenario describes."""

    simulated = True
    accept: ClassVar[str]

    def __init__(self, events: Events | None = None) -> None:
        self._events = events or Events()

    def bound(self, workload: Workload) -> Generic:
        """Return the protocol with the pointers of a workload."""
        return type(self)(workload.events)

    def request(self, cell: Cell, prompt: Prompt) -> Request:
        return template.request(cell, prompt, self.accept)

    def probe(self, cell: Cell) -> Request | None:  # noqa: ARG002
        return None

    def decoder(self, stream: bool) -> Decoder:
        raise NotImplementedError


class Bytes(Generic):
    """Any body: no tokens, only when its bytes came."""

    accept = "*/*"

    def decoder(self, stream: bool) -> Decoder:  # noqa: ARG002
        return _Anything()


class Ndjson(Generic):
    """A value of JSON per line."""

    accept = "application/x-ndjson"

    def decoder(self, stream: bool) -> Decoder:  # noqa: ARG002
        return _Lines(self._events)


class Sse(Generic):
    """Server-sent events."""

    accept = "text/event-stream"

    def decoder(self, stream: bool) -> Decoder:  # noqa: ARG002
        return _ServerSent(self._events)


@dataclass(frozen=True)
class Encoder(encoder.Encoder):
    """Encodes answers in whose events the pointers find what they look for."""

    events: Events = field(default_factory=Events)

    content_type = Ndjson.accept.encode()

    def token(self, text: str, stamp: bytes) -> bytes:  # noqa: ARG002 - it carries none
        return self.event(to_json(pointers.made([(self._at_text, text)])))

    def final(self, ending: Ending) -> bytes:
        found = self._found(ending)
        last = self.event(to_json(pointers.made(found))) if found else b""
        literal = _literal(self.events)
        return last if literal is None else last + self.event(literal)

    def whole(self, ending: Ending) -> bytes:
        return to_json(pointers.made([(self._at_text, ending.text), *self._found(ending)]))

    def error(self, message: str, status: int = 500) -> bytes:  # noqa: ARG002 - it stands in the head alone
        return to_json(pointers.made([(self.events.error or "/error", message)]))

    def event(self, body: bytes) -> bytes:
        return body + b"\n"

    @property
    def _at_text(self) -> str:
        return "/text" if self.events.text is None else self.events.text

    def _found(self, ending: Ending) -> list[tuple[str, Any]]:
        """Return what the last event holds: the usage, and that it is the last."""
        usage = {**{name: getattr(ending.usage, name) for name in COUNTS}, "finish_reason": ending.reason}
        found = [(pointer, usage[name]) for name, pointer in self.events.usage]
        end = self.events.end
        is_found = end is not None and _literal(self.events) is None and ending.done
        return [*found, (end, True)] if end is not None and is_found else found


class SseEncoder(Encoder):
    """Encodes server-sent events."""

    content_type = Sse.accept.encode()

    def event(self, body: bytes) -> bytes:
        return sse.event(body)


class BytesEncoder(Encoder):
    """Encodes nothing but errors: the body has no events."""

    content_type = b"application/octet-stream"

    def token(self, text: str, stamp: bytes) -> bytes:  # noqa: ARG002
        return text.encode()

    def final(self, ending: Ending) -> bytes:  # noqa: ARG002
        return b""

    def whole(self, ending: Ending) -> bytes:
        return ending.text.encode()

    def event(self, body: bytes) -> bytes:
        return body


ENCODERS: dict[str, type[Encoder]] = {"bytes": BytesEncoder, "ndjson": Encoder, "sse": SseEncoder}
