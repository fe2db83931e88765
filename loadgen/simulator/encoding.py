"""The corpus as the events of one API, encoded ahead but for the send time."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from loadgen.protocols.encoder import Encoder
from loadgen.simulator.corpus import TOKENS

STAMP: Final = 30  # 2026-01-31T12:00:00.123456789Z
_WIDE: Final = re.compile(rb"[\x80-\xff]")


class Encoding:
    """Every token of the corpus for one API and one model, in chunks unless the answer is not ``chunked`` (HTTP/1.0).

    ``pairs[i]`` is what stands before and after the stamp without its ``Z``, framed as a chunk; an API without
    stamps has the whole event and ``None``.
    """

    __slots__ = ("_empty", "_parts", "_text_at", "chunked", "pairs")

    def __init__(self, encoder: Encoder, chunked: bool) -> None:
        self.chunked = chunked
        self._parts = [encoder.token(text) for text in TOKENS]
        self.pairs = [self._pair(*parts) for parts in self._parts]
        self._empty = encoder.token("")
        self._text_at = _join(self._empty, b"-" * STAMP).index(b'""') + 1

    def _pair(self, before: bytes, after: bytes | None) -> tuple[bytes, bytes | None]:
        size = len(before) + (0 if after is None else STAMP + len(after))
        lead, tail = (b"%x\r\n" % size, b"\r\n") if self.chunked else (b"", b"")
        return (lead + before + tail, None) if after is None else (lead + before, b"Z" + after + tail)

    def event(self, token: int, stamp: bytes) -> bytes:
        """Return the event of one token, unframed."""
        return _join(self._parts[token], stamp)

    def halves(self, token: int, event: bytes) -> tuple[bytes, bytes]:
        """Cut a token's event in two: inside its first character of several bytes, otherwise inside its text."""
        wide = _WIDE.search(event)
        cut = wide.start() + 1 if wide else self._text_at + (len(TOKENS[token]) + 1) // 2
        return event[:cut], event[cut:]

    def around_text(self, stamp: bytes) -> tuple[bytes, bytes]:
        """Return what stands before and after the text of an event."""
        event = _join(self._empty, stamp)
        return event[: self._text_at], event[self._text_at :]

    def frame(self, data: bytes) -> bytes:
        """Return ``data`` as a chunk, unless the answer is not chunked."""
        return b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data


def _join(parts: tuple[bytes, bytes | None], stamp: bytes) -> bytes:
    before, after = parts
    return before if after is None else b"%b%b%b" % (before, stamp, after)


encoding: Final = lru_cache(maxsize=16)(Encoding)  # makes each once
