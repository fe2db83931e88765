"""Server-sent events: ``data:`` lines, a blank line after each event. Types and ids of events are ignored."""

from __future__ import annotations

from loadgen.protocols.events import Event, Read, Undecodable
from loadgen.protocols.lines import MAX_LINE, LineDecoder, excerpt, too_long

_OTHER_FIELDS = (b":", b"event:", b"id:", b"retry:")


class Decoder(LineDecoder):
    """Decode server-sent events: ``read`` gets the data of each, until it returns that the stream has ended.

    An event without its closing blank line is discarded, as the format demands.
    """

    __slots__ = ()

    def __init__(self, read: Read) -> None:
        super().__init__(_by_line(read), blank=True)


def _by_line(read: Read) -> Read:
    """Return what reads lines and calls ``read`` at the end of each event."""
    data: list[bytes] = []
    size = 0

    def read_line(line: bytes, events: list[Event]) -> bool:
        nonlocal size
        line = line.removesuffix(b"\r")
        if not line:
            if data:
                message = b"\n".join(data)
                data.clear()
                size = 0
                return read(message, events)
        elif line.startswith(b"data:"):
            value = line[5:].removeprefix(b" ")
            data.append(value)
            size += len(value) + 1
            if size > MAX_LINE:
                raise too_long("an event", MAX_LINE, data)
        elif not line.startswith(_OTHER_FIELDS):
            raise Undecodable(f"not a server-sent event: {excerpt(line)}")
        return False

    return read_line


def event(data: bytes) -> bytes:
    """Return ``data``, which is one line, as an event."""
    return b"data: " + data + b"\n\n"
