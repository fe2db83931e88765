"""Bytes to lines, split on LF only: U+0085 and U+2028 may stand inside JSON strings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from loadgen.protocols.events import Undecodable

# The `context` of a real last line can take a megabyte; what is longer than this is no line of this protocol.
LONGEST_LINE = 4 << 20


class Lines:
    """Incremental line splitter whose memory stays within ``LONGEST_LINE`` and one read."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterable[bytes]:
        """The lines that ``data`` completes, without their LF. Raises Undecodable past ``LONGEST_LINE``."""
        if len(data) > LONGEST_LINE:
            return self._in_pieces(data)
        cut = data.find(b"\n")
        if cut < 0:
            self._keep(data)
            return []
        if not self._parts and cut == len(data) - 1:
            return [data[:cut]]
        *lines, rest = data.split(b"\n")
        if self._parts:
            self._keep(lines[0])
            lines[0] = self.rest()
        if rest:
            self._keep(rest)
        return lines

    def _in_pieces(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), LONGEST_LINE):
            yield from self.feed(data[start : start + LONGEST_LINE])

    def rest(self) -> bytes:
        """What came after the last LF; it is handed over once."""
        rest = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return rest

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > LONGEST_LINE:
            raise Undecodable(
                f"a line longer than {LONGEST_LINE >> 20} MiB: {excerpt(b''.join([*self._parts[:1], data]))}"
            )
        self._parts.append(data)


def excerpt(data: bytes) -> str:
    """The beginning of ``data`` as one printable line."""
    return ascii(data[:80].decode(errors="replace"))[1:-1] + ("…" if len(data) > 80 else "")
