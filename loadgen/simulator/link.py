"""One client's socket: what comes is passed on, what the client is too slow to take waits."""

from __future__ import annotations

import socket
import struct
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Final

from loadgen.simulator.loop import READ, WRITE
from loadgen.simulator.state import State

_READ_SIZE: Final = 64 << 10
_WRITE_SIZE: Final = 256 << 10
_LINGER_NS: Final = 1_000_000_000


class Link(ABC):
    """A socket, plain or TLS, that is read as long as it is not ``full`` and written as fast as the client reads.

    ``out`` is what the client has not taken yet.
    """

    __slots__ = ("_closing", "_draining", "_eof", "_events", "loop", "out", "sock", "state")

    def __init__(self, state: State, sock: socket.socket) -> None:
        self.state, self.loop, self.sock = state, state.loop, sock
        self.out = bytearray()
        self._closing = self._draining = self._eof = False
        self._events = READ
        self.loop.watch(sock.fileno(), self._ready)

    @abstractmethod
    def feed(self, data: bytes) -> None:
        """Take what has come."""

    @property
    def full(self) -> bool:
        """Return whether so much has come that no more is read now."""
        return False

    def drained(self) -> None:
        """Go on: all of ``out`` was sent."""
        return

    def cancel(self) -> None:
        """Cancel what goes on: the link is closed."""
        return

    @property
    def busy(self) -> bool:
        """Return whether an answer is on its way that is not all in ``out``."""
        return False

    def _ready(self, events: int) -> None:
        if events & WRITE and self.out:
            self._flush()
        if events & READ and self.sock.fileno() >= 0:
            self._read()

    def _read(self) -> None:
        try:
            data = self.sock.recv(_READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not data:
            # A client that has closed its side has left, as Go's server sees it; only an answer on its way
            # goes on.
            self._eof = True
            if self.busy or not self.out or self._draining:
                self.close()
            else:
                self._closing = True
                self.watch()
        elif not self._draining:
            self.feed(data)

    def watch(self) -> None:
        """Wait for what is of use now."""
        if self.sock.fileno() < 0:
            return
        events = (0 if self._eof or self.full else READ) | (WRITE if self.out else 0)
        if events != self._events:
            self._events = events
            self.loop.watch(self.sock.fileno(), self._ready, events)

    def send(self, data: bytes) -> None:
        """Send now what can be sent, and the rest when the client reads."""
        if self.out:
            self.out += data
        elif (sent := self._send(data)) < len(data):
            self.keep(data[sent:])

    def _send(self, data: bytes | bytearray) -> int:
        """Return how many bytes were sent: all, for the link is then closed, where the client has left."""
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.close()
            return len(data)

    def keep(self, rest: bytes) -> None:
        """Keep ``rest``, which a slow client has not taken."""
        self.state.log.blocked += 1
        self.out += rest
        self.watch()

    def _flush(self) -> None:
        sent = self._send(self.out[:_WRITE_SIZE])
        del self.out[:sent]
        if self.out or self.sock.fileno() < 0:
            return
        if self._closing:
            self._shut()
        else:
            self.drained()
            self.watch()

    def leave(self) -> None:
        """Close our side once all is sent."""
        self._closing = True
        if not self.out:
            self._shut()

    def _shut(self) -> None:
        """Close our side, then wait for the client's: to close with bytes unread is to reset."""
        self._closing, self._draining = False, True
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._eof = True
        if self._eof:
            self.close()
            return
        self.watch()
        self.loop.wheel.add(time.monotonic_ns() + _LINGER_NS, self.close)

    def reset(self) -> None:
        """Tear the link down (RST)."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Close the socket, and cancel what goes on."""
        fd = self.sock.fileno()
        if fd < 0:
            return
        self.loop.watch(fd, self._ready, 0)
        with suppress(OSError):
            self.sock.close()
        self.out.clear()
        self.cancel()
