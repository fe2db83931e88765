"""The corpus as Ollama's objects, encoded ahead but for the send time."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from loadgen.protocols.ollama import Kind, token_parts
from loadgen.simulator.corpus import TOKENS

STAMP: Final = 30  # 2026-01-31T12:00:00.123456789Z


class Encoder:
    """Every token of the corpus for one kind of answer and one model.

    An object is ``before + stamp + afters[i]``, of ``sizes[i]`` bytes. ``pairs[i]`` is what stands before and
    after the stamp without its ``Z``, framed as a chunk unless the answer is not ``chunked`` (HTTP/1.0).
    ``cuts[i]`` is where object ``i`` is cut in two: inside its first character of several bytes, or else
    inside its text.
    """

    __slots__ = ("afters", "before", "chunked", "cuts", "pairs", "sizes")

    def __init__(self, kind: Kind, model: str, chunked: bool) -> None:
        self.chunked = chunked
        self.before, empty = token_parts(kind, model, "")
        start = empty.index(b'""') + 1
        self.afters: list[bytes] = []
        self.pairs: list[tuple[bytes, bytes]] = []
        self.sizes: list[int] = []
        self.cuts: list[int] = []
        for text in TOKENS:
            after = token_parts(kind, model, text)[1]
            size = len(self.before) + STAMP + len(after)
            self.afters.append(after)
            self.sizes.append(size)
            self.pairs.append(
                (b"%x\r\n%b" % (size, self.before), b"Z%b\r\n" % after)
                if chunked
                else (self.before, b"Z" + after)
            )
            wide = next((i for i, byte in enumerate(after) if byte >= 0x80), None)
            within = start + (len(text) + 1) // 2 if wide is None else wide + 1
            self.cuts.append(len(self.before) + STAMP + within)

    def object(self, token: int, stamp: bytes) -> bytes:
        """The line of one token, not framed."""
        return b"%b%b%b" % (self.before, stamp, self.afters[token])

    def frame(self, data: bytes) -> bytes:
        """``data`` as a chunk, where chunks are spoken."""
        return b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data

    @property
    def closing(self) -> bytes:
        """What ends a body."""
        return b"0\r\n\r\n" if self.chunked else b""


encoder: Final = lru_cache(maxsize=16)(Encoder)
