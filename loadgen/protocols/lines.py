"""Bytes to lines, split on LF only: U+0085 and U+2028 may occur inside JSON strings."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from loadgen.protocols.events import Event, Read, Undecodable

# The `context` of a real last line can take a megabyte; no line of a stream is longer than this.
MAX_LINE = 4 << 20
MAX_BODY = 64 << 20  # of an answer that comes as a whole


class Lines:
    """Incremental line splitter. Keeps no more than ``max_size`` bytes and one read in memory."""

    __slots__ = ("_max_size", "_parts", "_size")

    def __init__(self, max_size: int) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._max_size = max_size

    def feed(self, data: bytes) -> Iterable[bytes]:
        """Return the lines that ``data`` completes, without their LF. Must be iterated to the end.

        Raises Undecodable, there or on the way, at a line longer than ``max_size``.
        """
        cut, limit = data.find(b"\n"), self._max_size
        if cut < 0:
            self._keep(data)
            return ()
        if len(data) > limit:  # any of its lines may be too long, and those before it count
            return chain.from_iterable(self.feed(data[at : at + limit]) for at in range(0, len(data), limit))
        if not self._parts and cut == len(data) - 1:
            return (data[:cut],)
        *lines, rest = data.split(b"\n")
        if self._parts:
            self._keep(lines[0])
            lines[0] = self.take_rest()
        if rest:
            self._keep(rest)
        return lines

    def take_rest(self) -> bytes:
        """Return what came after the last LF, and forget it."""
        rest = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return rest

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._max_size:
            raise too_long("a line", self._max_size, [*self._parts, data])
        self._parts.append(data)


class LineDecoder:
    """Decode lines: ``read`` gets each, blank ones only where ``blank``, until it returns that the stream has ended."""

    __slots__ = ("_blank", "_ended", "_lines", "_read")

    def __init__(self, read: Read, max_line: int = MAX_LINE, *, blank: bool = False) -> None:
        self._lines = Lines(max_line)
        self._read, self._blank = read, blank
        self._ended = False

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        if self._ended:
            return events
        try:
            for line in self._lines.feed(data):
                if (self._blank or (line and not line.isspace())) and self._read(line, events):
                    self._ended = True
                    break
        except Undecodable as error:
            error.events = events
            raise
        return events

    def eof(self) -> list[Event]:
        return []


def too_long(what: str, limit: int, parts: Iterable[bytes]) -> Undecodable:
    """Return the error of ``what``, which came in ``parts`` and is longer than ``limit`` bytes."""
    start = b"".join(part[:81] for part in parts)
    return Undecodable(f"{what} longer than {limit >> 20} MiB: {excerpt(start)}")


def excerpt(data: bytes) -> str:
    """Return the beginning of ``data`` as one printable line."""
    return ascii(data[:80].decode(errors="replace"))[1:-1] + ("…" if len(data) > 80 else "")
