"""A TCP relay that keeps every byte that passes, as between a worker and its master."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self


class Relay:
    """Listens on ``port`` and hands on to another, ``held_s`` later; ``seen`` is what passed, either way."""

    def __init__(self, to: int, *, held_s: float = 0.0) -> None:
        self.seen = bytearray()
        self._held_s = held_s
        self._to = to
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._open: list[socket.socket] = [self._server]
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join()
        for each in self._open:
            each.close()

    def _run(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._server.accept()
            except OSError:
                return
            self._open.append(ours)
            try:
                theirs = socket.create_connection(("127.0.0.1", self._to))
            except OSError:  # the master does not listen yet: the worker tries again
                ours.close()
                continue
            self._open.append(theirs)
            self._run(self._pass, ours, theirs)
            self._run(self._pass, theirs, ours)

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self.seen += data
                time.sleep(self._held_s)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
