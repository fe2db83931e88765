"""Newline-delimited JSON: one object per line."""

from __future__ import annotations

import msgspec

from loadgen.protocols.events import Event, Read, Undecodable
from loadgen.protocols.lines import MAX_LINE, Lines


class Decoder:
    """Decode lines: ``read`` gets each that is not blank, until it returns that the stream has ended."""

    __slots__ = ("_ended", "_lines", "_read")

    def __init__(self, read: Read, max_line: int = MAX_LINE) -> None:
        self._lines = Lines(max_line)
        self._read = read
        self._ended = False

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        if self._ended:
            return events
        try:
            for line in self._lines.feed(data):
                if line and not line.isspace() and self._read(line, events):
                    self._ended = True
                    break
        except Undecodable as error:
            error.events = events
            raise
        return events

    def eof(self) -> list[Event]:
        # The last object may come without LF. A truncated one is ignored: the missing end of the stream reports it.
        events: list[Event] = []
        rest = self._lines.take_rest()
        if self._ended or not rest or rest.isspace():
            return events
        try:
            msgspec.json.decode(rest, type=msgspec.Raw)
        except msgspec.DecodeError:
            return events
        except RecursionError:
            pass
        self._read(rest, events)
        return events


def line(value: bytes) -> bytes:
    """Return a JSON value as a line."""
    return value + b"\n"
