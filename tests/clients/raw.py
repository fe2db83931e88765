"""A server of bare sockets that does to each request what the prompt says."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

TABLE = Path("/proc/net/tcp")
PACE = 0.06  # seconds between two sends of a body that comes slowly


class Received(NamedTuple):
    connection: int
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    method: str = "POST"

    @property
    def prompt(self) -> str:
        body = json.loads(self.body)
        messages = body.get("messages") or body.get("input")
        return str(messages[-1]["content"] if messages else body["prompt"])


class Gone(Exception):
    """The client, or the test, has left."""


class Wire:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self.sock = sock
        self._stopping = stopping

    def send(self, *parts: bytes) -> None:
        self.sock.sendall(b"".join(parts))

    def pause(self, *, until_read: bool = False) -> None:
        """Wait; also until the client has read all that was sent, however busy the machine."""
        if self._stopping.wait(PACE):
            raise Gone
        while until_read and self._unread():
            if self._stopping.wait(PACE):
                raise Gone

    def _unread(self) -> bool:
        """Return whether the kernel still has bytes for the client, where it lists them."""
        if not TABLE.exists():
            return False
        ends = [f"{port:04X}" for _, port in (self.sock.getpeername(), self.sock.getsockname())]
        lines = (line.split() for line in TABLE.read_text().splitlines()[1:])
        return any(int(of[4].partition(":")[2], 16) and [of[1][-4:], of[2][-4:]] == ends for of in lines)

    def hold(self) -> None:
        """Say nothing more until the client leaves."""
        while self.sock.recv(65536):
            pass
        raise Gone

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def finish(self) -> None:
        """Close our side, and wait for the client's."""
        self.sock.shutdown(socket.SHUT_WR)
        self.hold()


Handler = Callable[[Wire], None]


class Raw:
    """Listening while it is entered. ``requests`` are those received, in order."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self._handlers = handlers
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for sock in [self._listener, *self._open]:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def handle(self, wire: Wire, received: Received) -> None:
        self._handlers[received.prompt](wire)

    def _begin(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add(sock)
            self.connections += 1
            self._begin(self._serve, sock, self.connections)

    def _serve(self, sock: socket.socket, number: int) -> None:
        wire = Wire(sock, self._stopping)
        try:
            while (received := _receive(sock, number)) is not None:
                self.requests.append(received)
                self.handle(wire, received)
        except (OSError, Gone):
            pass
        finally:
            self._open.discard(sock)
            sock.close()


def _receive(sock: socket.socket, number: int) -> Received | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += sock.recv(65536)
    method, path, _ = first.split(" ")
    return Received(number, path, headers, body, method)
