"""Newline-delimited JSON: one object per line."""

from __future__ import annotations

from loadgen.protocols.events import Event
from loadgen.protocols.lenient import is_json
from loadgen.protocols.lines import LineDecoder


class Decoder(LineDecoder):
    """Decode lines: ``read`` gets each that is not blank, until it returns that the stream has ended."""

    __slots__ = ()

    def feed(self, data: bytes) -> list[Event]:
        begun = self._parts or self._ended
        if not begun and data[:1] == b"{" and data.find(b"\n") == len(data) - 1 <= self.max_bytes:
            return self._one(self._read, data[:-1])
        return super().feed(data)

    def eof(self) -> list[Event]:
        # The last object may come without LF. A truncated one is ignored: the missing end of the stream reports it.
        events: list[Event] = []
        rest = self._take_rest()
        if self._ended or not rest or rest.isspace():
            return events
        if is_json(rest):
            self._read(rest, events)
        return events
