"""Which HTTP a client speaks: its first bytes tell."""

from __future__ import annotations

import socket
import ssl
from importlib.util import find_spec
from typing import Final

from loadgen.simulator.connection import Handler
from loadgen.simulator.http1 import Http1
from loadgen.simulator.link import Link
from loadgen.simulator.state import State

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HAS_2: Final = find_spec("h2") is not None


class Opening(Link):
    """A client that has not said yet which HTTP it speaks: over TLS as over TCP, that of 2 begins with the preface."""

    __slots__ = ("_begun", "_route")

    def __init__(self, state: State, sock: socket.socket, route: Handler) -> None:
        sock.setblocking(False)
        super().__init__(state, sock)
        self._route, self._begun = route, b""

    def _ready(self, events: int) -> None:
        super()._ready(events)
        if isinstance(self.sock, ssl.SSLSocket):  # a step of the handshake takes time
            self.loop.turn()

    def feed(self, data: bytes) -> None:
        """Hand the client over as soon as what it sent tells."""
        self._begun += data
        if HAS_2 and self._begun.startswith(PREFACE):
            from loadgen.simulator.http2 import Http2

            Http2(self.state, self.sock, self._route).feed(self._begun)
        elif not (HAS_2 and PREFACE.startswith(self._begun)):
            Http1(self.state, self.sock, self._route).feed(self._begun)
