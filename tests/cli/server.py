"""An Ollama of a few lines, in threads of the test's own process: it does what the test says."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ENDLESS = 10**9


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Ollama

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(dict(self.headers))
        self.server.bodies.append(self.body)
        self.server.answer(self)

    def log_message(self, *_: object) -> None: ...

    def say(self, status: int, body: bytes | dict[str, Any]) -> None:
        """A whole answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, tokens: int, gap: float = 0.01) -> None:
        """An answer of so many tokens, as long as the client listens."""
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for _ in range(tokens):
                self.chunk({"response": "word ", "done": False})
                self.server.tokens += 1
                time.sleep(gap)  # the server's pace; no test waits by it
            self.chunk({"response": "", "done": True, "eval_count": tokens})
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def chunk(self, item: dict[str, Any] | bytes) -> None:
        """One chunk of a streamed answer."""
        data = item if isinstance(item, bytes) else json.dumps(item).encode() + b"\n"
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


class Ollama(ThreadingHTTPServer):
    """``seen`` are the headers of every request, ``bodies`` what they ask; ``tokens`` counts what was streamed."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, answer: Callable[[Handler], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.seen: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.tokens = 0
        self._number = itertools.count(1)

    def count(self) -> int:
        """Return 1, then 2, and so on: atomic, unlike ``len(seen)`` in threads."""
        return next(self._number)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """A client that has left is no error."""


@contextmanager
def ollama(answer: Callable[[Handler], None]) -> Iterator[Ollama]:
    """A server that answers every POST by ``answer``."""
    with Ollama(answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def then_endless(quick: int) -> Callable[[Handler], None]:
    """The first ``quick`` streams have three tokens; those after them have no end."""
    begun: list[None] = []

    def answer(handler: Handler) -> None:
        if handler.path != "/api/generate":
            handler.say(200, {})
            return
        begun.append(None)
        handler.stream(3 if len(begun) <= quick else ENDLESS)

    return answer
