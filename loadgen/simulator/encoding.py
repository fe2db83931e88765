"""The corpus as the events of one API, encoded ahead but for the send time."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from loadgen.protocols.encoder import Encoder
from loadgen.simulator.corpus import TOKENS

_STAMP: Final = b"\x7f" * 30  # in the place of 2026-01-31T12:00:00.123456789Z
_TEXT: Final = "~the text~"
_WIDE: Final = re.compile(rb"[\x80-\xff]")


class Encoding:
    """Every token of the corpus for one API and one model, in chunks unless the answer is not ``chunked`` (HTTP/1.0).

    ``pairs[i]`` is what stands before and after the stamp without its ``Z``, framed as a chunk; an API without
    stamps has the whole event and ``None``.
    """

    __slots__ = ("_empty", "_events", "_text_at", "chunked", "pairs")

    def __init__(self, encoder: Encoder, chunked: bool) -> None:
        self.chunked = chunked
        self._events = [encoder.token(text, _STAMP) for text in TOKENS]
        parts = [self.frame(event).partition(_STAMP) for event in self._events]
        self.pairs = [(head, b"Z" + tail if stamp else None) for head, stamp, tail in parts]
        marked = encoder.token(_TEXT, _STAMP)
        self._text_at = marked.index(_TEXT.encode())
        self._empty = marked.replace(_TEXT.encode(), b"", 1)

    def event(self, token: int, stamp: bytes) -> bytes:
        """Return the event of one token, unframed."""
        return self._events[token].replace(_STAMP, stamp)

    def halves(self, token: int, event: bytes) -> tuple[bytes, bytes]:
        """Cut a token's event in two: inside its first character of several bytes, otherwise inside its text."""
        wide = _WIDE.search(event)
        cut = wide.start() + 1 if wide else self._text_at + (len(TOKENS[token]) + 1) // 2
        return event[:cut], event[cut:]

    def around_text(self, stamp: bytes) -> tuple[bytes, bytes]:
        """Return what stands before and after the text of an event."""
        event = self._empty.replace(_STAMP, stamp)
        return event[: self._text_at], event[self._text_at :]

    def frame(self, data: bytes) -> bytes:
        """Return ``data`` as a chunk, unless the answer is not chunked, or there is none: an empty chunk is the end."""
        return b"%x\r\n%b\r\n" % (len(data), data) if self.chunked and data else data


encoding: Final = lru_cache(maxsize=16)(Encoding)  # makes each once
