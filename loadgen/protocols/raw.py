"""A body without framing, which is decoded as a whole."""

from __future__ import annotations

from loadgen.model import MAX_MESSAGE_BYTES
from loadgen.protocols.events import Event, Read
from loadgen.protocols.lines import too_long


class Decoder:
    """Decode a body: ``read`` gets all of it at its end, unless it is blank."""

    __slots__ = ("_parts", "_read", "_size", "max_bytes")

    def __init__(self, read: Read) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._read = read
        self.max_bytes = MAX_MESSAGE_BYTES

    def feed(self, data: bytes) -> list[Event]:
        self._size += len(data)
        if self._size > self.max_bytes:
            raise too_long("a body", self.max_bytes, [*self._parts, data])
        self._parts.append(data)
        return []

    def eof(self) -> list[Event]:
        events: list[Event] = []
        body = b"".join(self._parts)
        if body and not body.isspace():
            self._read(body, events)
        return events
