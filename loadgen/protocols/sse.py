"""Server-sent events as WHATWG writes them: lines that end with LF, CR or CRLF, a blank one after each event."""

from __future__ import annotations

from loadgen.protocols.events import Error, Event, Read, Undecodable
from loadgen.protocols.lines import LineDecoder, too_long

_BOM = b"\xef\xbb\xbf"


class Decoder(LineDecoder):
    """Decode server-sent events: ``read`` gets the data of each, until it returns that the stream has ended.

    ``failed`` gets those of the type ``error`` in its place, where it is given. Events without data are heartbeats.
    """

    __slots__ = ("_after_cr", "_data", "_event", "_failed", "_held", "_type")
    _blank = True
    _before = b"data: "  # what an event begins with that may be plain

    def _is_plain(self, message: bytes) -> bool:  # noqa: ARG002
        """Return whether an event's data are one token of answer text and nothing else; then it has been read."""
        return False

    def __init__(self, read: Read, failed: Read | None = None) -> None:
        super().__init__(self._line)
        self._event, self._failed = read, failed
        self._after_cr = False
        self._type = b""
        self._data: list[bytes] = []  # of the event whose blank line has not come
        self._held = 0

    def feed(self, data: bytes) -> list[Event]:
        if self._after_cr or b"\r" in data:
            data = self._without_cr(data)
        if data.startswith(b"data: {") and data.find(b"\n") == len(data) - 2 and self._is_alone(data):
            return self._one(self._event, data[6:-2])
        if data.startswith(b"event: ") and not data.startswith(b"event: error"):
            start = data.find(b"\n") + 1
            is_one = data.startswith(b"data: {", start) and data.find(b"\n", start) == len(data) - 2
            if start and is_one and self._is_alone(data):
                return self._one(self._event, data[start + 6 : -2])
        return super().feed(data)

    def plain_token(self, data: bytes) -> int | None:
        start = len(self._before)
        if not data.startswith(self._before) or data.find(b"\n", start) != len(data) - 2 or b"\r" in data:
            return None
        is_plain = not self._after_cr and self._is_alone(data) and self._is_plain(data[start:])
        return 0 if is_plain else None

    def _is_alone(self, data: bytes) -> bool:
        """Return whether ``data`` is an event with its blank line, and nothing else has come of it."""
        begun = self._ended or self._parts or self._data or self._type
        return not begun and data[-1:] == b"\n" and len(data) <= self.max_bytes

    def eof(self) -> list[Event]:
        # The format discards an event without its blank line; what ends the stream counts nevertheless.
        events: list[Event] = []
        if not self._ended:
            try:
                rest = self._take_rest()
                self._ended = self._line(rest, events) or self._line(b"", events)
            except Undecodable:  # it was cut short
                return []
        return events[-1:] if self._ended else []

    def _line(self, line: bytes, events: list[Event]) -> bool:
        if line.startswith(b"data: "):
            return self._add(line[6:])
        if not line:
            return self._dispatch(events) if self._data or self._type else False
        name, _, value = line.removeprefix(_BOM).partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            return self._add(value)
        if name == b"event":
            self._type = value
        elif name == b"error":  # as llama.cpp writes it
            self._type = name
            return self._add(value)
        elif name.startswith(b"{"):
            return self._stray(line, events)
        return False

    def _add(self, value: bytes) -> bool:
        self._data.append(value)
        self._held += len(value) + 1
        if self._held > self.max_bytes:
            raise too_long("an event", self.max_bytes, self._data)
        return False

    def _dispatch(self, events: list[Event]) -> bool:
        message, kind = b"\n".join(self._data), self._type
        self._data.clear()
        self._held, self._type = 0, b""
        if kind == b"error" and self._failed:
            return self._failed(message, events)
        return bool(message.strip()) and self._event(message, events)

    def _stray(self, line: bytes, events: list[Event]) -> bool:
        """Append the error that JSON outside of any event reports; whatever else it has does not count."""
        found: list[Event] = []
        try:
            self._event(line, found)
        except Undecodable:
            return False
        events += (event for event in found if isinstance(event, Error))
        return bool(events) and isinstance(events[-1], Error)

    def _without_cr(self, data: bytes) -> bytes:
        """Return the data with LF in place of CR and CRLF, which may be cut in two."""
        if self._after_cr and data[:1] == b"\n":
            data = data[1:]
            self._after_cr = False
        if data:
            self._after_cr = data[-1:] == b"\r"
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def event(data: bytes) -> bytes:
    """Return ``data``, which is one line, as an event."""
    return b"data: " + data + b"\n\n"
