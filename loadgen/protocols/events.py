"""What a decoder makes of the bytes, and the shape that every protocol has."""

from __future__ import annotations

import typing
from collections.abc import Sequence

import msgspec

from loadgen.model import Cell, Request, Usage


class Token(msgspec.Struct, frozen=True, gc=False):
    """One event that carries text, thinking text included. ``stamp_ns``: the server's send time, if told."""

    stamp_ns: int | None


class End(msgspec.Struct, frozen=True):
    """The protocol's own end: the stream is complete."""

    usage: Usage


class Error(msgspec.Struct, frozen=True):
    """The server told of an error inside the body."""

    message: str


Event = Token | End | Error


# A whole number that tables and frames can hold.
Int64 = typing.Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Undecodable(ValueError):
    """Bytes that the protocol does not allow; the message says what and shows the beginning.

    ``events`` are those that the same call completed before it met them.
    """

    events: Sequence[Event] = ()


class Decoder(typing.Protocol):
    """Incremental: cut the bytes anywhere, the events are the same. Memory is bounded."""

    def feed(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes. Raises Undecodable; the decoder is then spent."""
        ...

    def eof(self) -> list[Event]:
        """The events that only the end of the body completes. Raises Undecodable."""
        ...


class Protocol(typing.Protocol):
    """A wire format."""

    def request(self, cell: Cell, prompt: str) -> Request:
        """The request of one stream."""
        ...

    def probe(self, cell: Cell) -> Request | None:
        """A cheap request that a server without ``cell.workload.model`` answers with 404; None where there is none."""
        ...

    def decoder(self, stream: bool) -> Decoder:
        """A fresh decoder for one response body, streamed or whole."""
        ...
