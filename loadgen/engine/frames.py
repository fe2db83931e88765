"""Frames, which the engine sends to its parent: MessagePack, each after its length in four bytes."""

from collections.abc import Iterator

import msgspec

from loadgen.model import Pause, Sample, Stream


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The client is imported and made, and nothing has been sent: memory is at its baseline."""


class Edge(msgspec.Struct, frozen=True, tag=True):
    """Totals over all threads, ended ones included, at one edge of the measured window."""

    totals: Sample


class Pulse(msgspec.Struct, frozen=True, tag=True):
    """Progress: streams open now, those that wait for headers too, and the text events of these so far."""

    at: int
    open: int
    text_events: int


class Streams(msgspec.Struct, frozen=True, tag=True):
    """Streams that have ended."""

    streams: list[Stream]


class Pauses(msgspec.Struct, frozen=True, tag=True):
    """When the whole engine was paused."""

    pauses: list[Pause]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The engine failed."""

    message: str


class Done(msgspec.Struct, frozen=True, tag=True):
    """Every stream has been sent."""


Frame = Ready | Edge | Pulse | Streams | Pauses | Failed | Done

encoder = msgspec.msgpack.Encoder()


def encode(frame: Frame) -> bytes:
    """Return the frame's bytes."""
    body = encoder.encode(frame)
    return len(body).to_bytes(4, "little") + body


class Reader:
    """Decode frames from bytes, however these are cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that ``data`` completes."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= 4:
            end = 4 + int.from_bytes(buffer[:4], "little")
            if len(buffer) < end:
                return
            body = bytes(buffer[4:end])
            del buffer[:end]
            yield self._decoder.decode(body)
