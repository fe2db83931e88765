"""Feeding a decoder in any pieces, and what it made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from loadgen import protocols
from loadgen.model import MAX_MESSAGE_BYTES
from loadgen.protocols import Event, Shortcut, Token, Undecodable


class Made(NamedTuple):
    events: list[Event]
    undecodable: bool


def decode(
    protocol: str, pieces: Iterable[bytes], *, stream: bool = True, max_bytes: int = MAX_MESSAGE_BYTES
) -> Made:
    events, error = outcome(protocol, stream, pieces, max_bytes)
    return Made(events, bool(error))


def outcome(
    protocol: str,
    stream: bool,
    pieces: Iterable[bytes],
    max_bytes: int = MAX_MESSAGE_BYTES,
    *,
    shortcut: bool = False,
) -> tuple[list[Event], str]:
    """Return the events and the error, which is empty where all is decodable; by the decoder's shortcut, if any."""
    decoder = protocols.load(protocol).decoder(stream)
    if isinstance(decoder, protocols.Bounded):
        decoder.max_bytes = max_bytes
    events: list[Event] = []
    try:
        for piece in pieces:
            stamp = decoder.plain_token(piece) if shortcut and isinstance(decoder, Shortcut) else None
            events += decoder.feed(piece) if stamp is None else [Token(stamp or None)]
        events += decoder.eof()
    except Undecodable as error:
        return [*events, *error.events], str(error)
    return events, ""


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Whole, byte by byte, and in two at every position."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    for at in range(len(data) + 1):
        yield [data[:at], data[at:]]


def render(epoch_ns: int) -> str:
    """Return the UTC time with nine digits and ``Z``."""
    second, rest = divmod(epoch_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
