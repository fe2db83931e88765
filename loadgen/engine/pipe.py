"""The pipes between an engine and its parent: frames one way, commands the other.

A frame is MessagePack after its length in four bytes; a command is a line of JSON.
"""

import os
import select
from collections.abc import Iterator

import msgspec

from loadgen.model import Pause, Sample, Stream

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

PIPE_BYTES = 1 << 20
MAX_UNREAD_BYTES = 256 << 20  # kept for a parent that does not read; then the engine ends


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
    """Every stream has been sent. ``not_started``: arrivals of the measured window that have none.

    ``ended`` is why the load ended before its time; empty where it did not. ``gil``: see ``engine.gil.on_by``.
    """

    not_started: int = 0
    ended: str = ""
    gil: str | None = None


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


class Outbox:
    """Write frames to the parent, as far as the pipe takes them; never block before :meth:`drain`."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = bytearray()
        os.set_blocking(fd, False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def send(self, frame: Frame) -> None:
        """Write the frame, or keep what the pipe does not take yet. Raises BufferError when that is too much."""
        if len(self._rest) > MAX_UNREAD_BYTES:
            raise BufferError(f"loadgen has left {MAX_UNREAD_BYTES >> 20} MiB of the engine's reports unread")
        self._rest += encode(frame)
        self.write()

    def write(self) -> bool:
        """Write what the pipe takes now; return whether that is all."""
        while self._rest:
            try:
                del self._rest[: os.write(self._fd, self._rest)]
            except BlockingIOError:
                return False
        return True

    def drain(self) -> None:
        """Write what is left, however long the parent takes."""
        os.set_blocking(self._fd, True)
        self.write()


class Commands:
    """Read lines from the parent. A parent that has died counts as a stop."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._rest = b""

    def wait_line(self) -> bytes:
        """Return the next line, however long it takes; empty when the parent has gone."""
        while b"\n" not in self._rest:
            data = os.read(self.fd, 1 << 20)
            if not data:
                return b""
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def read(self) -> list[bytes]:
        """Return the complete lines that are there. Never waits: a loop may report the same bytes twice."""
        if select.select([self.fd], [], [], 0)[0]:
            data = os.read(self.fd, 1 << 16)
            if not data:
                return [b'{"stop": true}']
            self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        return lines
