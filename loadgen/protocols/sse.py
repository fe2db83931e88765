"""Server-sent events: ``data:`` lines, a blank line after each event. Types and ids of events are ignored."""

from __future__ import annotations

from loadgen.protocols.events import Event, Read, Undecodable
from loadgen.protocols.lines import MAX_LINE, Lines, excerpt, too_long

_OTHER_FIELDS = (b":", b"event:", b"id:", b"retry:")


class Decoder:
    """Decode server-sent events: ``read`` gets the data of each, until it returns that the stream has ended."""

    __slots__ = ("_data", "_ended", "_lines", "_read", "_size")

    def __init__(self, read: Read) -> None:
        self._lines = Lines()
        self._data: list[bytes] = []
        self._size = 0
        self._read = read
        self._ended = False

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        if self._ended:
            return events
        try:
            for line in self._lines.feed(data):
                if self._read_line(line.removesuffix(b"\r"), events):
                    self._ended = True
                    break
        except Undecodable as error:
            error.events = events
            raise
        return events

    def _read_line(self, line: bytes, events: list[Event]) -> bool:
        if not line:
            if self._data:
                message = b"\n".join(self._data)
                self._data.clear()
                self._size = 0
                return self._read(message, events)
        elif line.startswith(b"data:"):
            value = line[5:].removeprefix(b" ")
            self._data.append(value)
            self._size += len(value) + 1
            if self._size > MAX_LINE:
                raise too_long("an event", MAX_LINE, self._data)
        elif not line.startswith(_OTHER_FIELDS):
            raise Undecodable(f"not a server-sent event: {excerpt(line)}")
        return False

    def eof(self) -> list[Event]:
        # An event without its closing blank line is discarded, as the format demands.
        return []


def event(data: bytes) -> bytes:
    """Return ``data``, which is one line, as an event."""
    return b"data: " + data + b"\n\n"
