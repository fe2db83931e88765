"""The engine's ends of its two pipes: frames to the parent, commands from it."""

import os
import select

from loadgen.engine.frames import Frame, encode

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

PIPE_BYTES = 1 << 20


class Outbox:
    """Write frames to the parent, as far as the pipe takes them; never block before :meth:`drain`."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = bytearray()
        os.set_blocking(fd, False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def send(self, frame: Frame) -> None:
        """Write the frame, or keep what the pipe does not take yet."""
        self._rest += encode(frame)
        self._write()

    def _write(self) -> None:
        while self._rest:
            try:
                del self._rest[: os.write(self._fd, self._rest)]
            except BlockingIOError:
                return

    def drain(self) -> None:
        """Write what is left, however long the parent takes."""
        os.set_blocking(self._fd, True)
        self._write()


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
        return self.take_buffered()

    def take_buffered(self) -> list[bytes]:
        """Return the complete lines that came together with the one before."""
        *lines, self._rest = self._rest.split(b"\n")
        return lines
