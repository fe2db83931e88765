"""The corpus as the events of one API, encoded ahead but for the send time."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from loadgen.model import Usage
from loadgen.simulator.corpus import TOKENS
from loadgen.simulator.scheduler import KEEP_ALIVE_NS

STAMP: Final = 30  # 2026-01-31T12:00:00.123456789Z


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants. ``limit`` is the most tokens; ``None``: as many as the simulator has to say."""

    api: Api
    model: str
    stream: bool
    prompt_bytes: int
    limit: int | None
    seed: int | None
    keep_ns: int | None = KEEP_ALIVE_NS
    include_usage: bool = False


class Api(Hashable, Protocol):
    """How one API words its answers. A file in ``apis/`` has one for each kind of request that streams."""

    content_type: bytes  # of an answer that streams

    def opening(self, model: str) -> bytes:
        """Return what precedes the first token, sent together with it; may be empty."""
        ...

    def token(self, model: str, text: str) -> tuple[bytes, bytes | None]:
        """Return the event of one token: before and after its send time; ``None``: it carries none."""
        ...

    def final(self, asked: Asked, usage: Usage, stamp: bytes, *, reason: str, context: list[int]) -> bytes:
        """Return the last events."""
        ...

    def whole(
        self,
        asked: Asked,
        text: str,
        usage: Usage,
        stamp: bytes,
        *,
        reason: str,
        context: list[int],
        done: bool,
    ) -> bytes:
        """Return the body of an answer that does not stream; not ``done``: one that stops short of its end."""
        ...

    def error(self, message: str) -> bytes:
        """Return the body of an answer that is an error."""
        ...

    def event(self, body: bytes) -> bytes:
        """Return ``body``, JSON or not, as an event of the stream."""
        ...


class Encoding:
    """Every token of the corpus for one API and one model.

    ``pairs[i]`` is what stands before and after the stamp without its ``Z``, framed as a chunk unless the answer
    is not ``chunked`` (HTTP/1.0); an API without stamps has the whole event and ``None``. ``sizes[i]`` are the
    bytes of event ``i``, unframed; ``cuts[i]`` is where it is cut in two: inside its first character of several
    bytes, otherwise inside its text.
    """

    __slots__ = ("_parts", "chunked", "cuts", "pairs", "sizes")

    def __init__(self, api: Api, model: str, chunked: bool) -> None:
        self.chunked = chunked
        self._parts = [api.token(model, text) for text in TOKENS]
        self.pairs: list[tuple[bytes, bytes | None]] = []
        self.sizes: list[int] = []
        self.cuts: list[int] = []
        for before, after in self._parts:
            size = len(before) + (0 if after is None else STAMP + len(after))
            lead, tail = (b"%x\r\n" % size, b"\r\n") if chunked else (b"", b"")
            self.pairs.append(
                (lead + before + tail, None) if after is None else (lead + before, b"Z" + after + tail)
            )
            self.sizes.append(size)
        start = self._unstamped(api.token(model, "")).index(b'""') + 1
        for text, parts in zip(TOKENS, self._parts, strict=True):
            wide = next((i for i, byte in enumerate(self._unstamped(parts)) if byte >= 0x80), None)
            self.cuts.append(start + (len(text) + 1) // 2 if wide is None else wide + 1)

    @staticmethod
    def _unstamped(parts: tuple[bytes, bytes | None]) -> bytes:
        before, after = parts
        return before if after is None else before + b"-" * STAMP + after

    def event(self, token: int, stamp: bytes) -> bytes:
        """Return the event of one token, unframed."""
        before, after = self._parts[token]
        return before if after is None else b"%b%b%b" % (before, stamp, after)

    def frame(self, data: bytes) -> bytes:
        """Return ``data`` as a chunk, unless the answer is not chunked."""
        return b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data

    @property
    def closing(self) -> bytes:
        """What ends a body."""
        return b"0\r\n\r\n" if self.chunked else b""


@lru_cache(maxsize=16)
def encoding(api: Api, model: str, chunked: bool) -> Encoding:
    """Return the encoding, made once."""
    return Encoding(api, model, chunked)
