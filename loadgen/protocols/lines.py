"""Bytes to lines, split on LF only: U+0085 and U+2028 may occur inside JSON strings."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from loadgen.model import MAX_MESSAGE_BYTES
from loadgen.protocols.events import Event, Read, Undecodable


class LineDecoder:
    """Decode lines: ``read`` gets each that is not blank, until it returns that the stream has ended.

    Keeps no more than ``max_bytes`` and one read in memory; a longer line is undecodable.
    """

    __slots__ = ("_ended", "_parts", "_read", "_size", "max_bytes")
    _blank = False  # whether ``read`` gets blank lines too

    def __init__(self, read: Read) -> None:
        self._read = read
        self.max_bytes = MAX_MESSAGE_BYTES
        self._ended = False
        self._parts: list[bytes] = []  # of a line whose LF has not come
        self._size = 0

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        if self._ended:
            return events
        try:
            for line in self._split(data):
                if (self._blank or (line and not line.isspace())) and self._read(line, events):
                    self._ended = True
                    break
        except Undecodable as error:
            error.events = events
            raise
        return events

    def _one(self, read: Read, message: bytes) -> list[Event]:
        """Return the events of a message that came whole, and nothing with it, which is what most reads bring."""
        events: list[Event] = []
        try:
            self._ended = read(message, events)
        except Undecodable as error:
            error.events = events
            raise
        return events

    def eof(self) -> list[Event]:
        return []

    def _split(self, data: bytes) -> Iterable[bytes]:
        """Return the lines that ``data`` completes, without their LF, which must be iterated to the end."""
        cut, limit = data.find(b"\n"), self.max_bytes
        if cut < 0:
            self._keep(data)
            return ()
        if len(data) > limit:  # any of its lines may be too long, and those before it count
            pieces = (data[at : at + limit] for at in range(0, len(data), limit))
            return chain.from_iterable(map(self._split, pieces))
        if not self._parts and cut == len(data) - 1:
            return (data[:cut],)
        *lines, rest = data.split(b"\n")
        if self._parts:
            self._keep(lines[0])
            lines[0] = self._take_rest()
        if rest:
            self._keep(rest)
        return lines

    def _take_rest(self) -> bytes:
        """Return what came after the last LF, and forget it."""
        rest = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return rest

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self.max_bytes:
            raise too_long("a line", self.max_bytes, [*self._parts, data])
        self._parts.append(data)


def too_long(what: str, limit: int, parts: Iterable[bytes]) -> Undecodable:
    """Return the error of ``what``, which came in ``parts`` and is longer than ``limit`` bytes."""
    start = b"".join(part[:81] for part in parts)
    size = f"{limit >> 20} MiB" if limit % (1 << 20) == 0 else f"{limit >> 10} KiB"
    return Undecodable(f"{what} longer than {size} (max_message): {excerpt(start)}")


def excerpt(data: bytes) -> str:
    """Return the beginning of ``data`` as one printable line."""
    return repr(data[:80].decode(errors="replace"))[1:-1] + ("…" if len(data) > 80 else "")
