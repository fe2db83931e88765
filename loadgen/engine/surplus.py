"""Recognise an answer that was there before its request: bytes that came after the answer before it.

Some libraries keep what a server sends after the end of an answer, and give it to the next stream on the connection.
For an answer of its own it must have read from the connection since the one before ended, which the kernel counts.
"""

import socket
from time import perf_counter_ns

from loadgen.engine.system import bytes_read

MESSAGE = (
    "the library gave this stream bytes that had come after the end of the answer before it on its connection"
)


class Connections:
    """What had been read from each connection when its last answer ended, and when that was looked at."""

    def __init__(self) -> None:
        # port, bytes and when, by descriptor, so that there are not too many
        self._ended: dict[int, tuple[int | None, int, int]] = {}

    def end_answer(self, connected: socket.socket, port: int | None) -> None:
        """Note that an answer has ended on a connection from this port."""
        if (read := bytes_read(connected)) is not None:
            self._ended[connected.fileno()] = port, read, perf_counter_ns()

    def is_surplus(self, connected: socket.socket, port: int | None, start: int) -> bool:
        """Return whether the answer of a stream that began at ``start`` was there before."""
        before, read, seen = self._ended.get(connected.fileno(), (None, 0, start))
        # What was looked at later may be this stream's own, where another left it the connection.
        return seen < start and before == port and read == bytes_read(connected)
