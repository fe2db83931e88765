"""What a stream answers by, whatever version of HTTP the client speaks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from loadgen.simulator import http
from loadgen.simulator.state import State


class Answering(Protocol):
    """What a connection answers with over time: a stream."""

    def resume(self) -> None:
        """Go on: the client has read everything that it was sent."""

    def release(self) -> None:
        """Stop: the client has left."""


class Connection(ABC):
    """What one request came by, and its answer leaves by: of HTTP/2 one of the connection's streams.

    ``out`` is what the client was too slow to take. While it is not empty nothing is due for ``stream``: like
    Ollama's handler, it is blocked in its write.
    """

    request: http.Request
    stream: Answering | None
    out: bytearray

    @property
    @abstractmethod
    def transmit(self) -> Callable[[bytes], int]:
        """Return what sends a piece of the body at once, as far as it can, and returns how much that was.

        For the hot path, once the head was sent, and while ``out`` is empty. It may raise BlockingIOError.
        """

    @abstractmethod
    def begin(self, status: int, content_type: bytes, length: int | None, allow: bytes = b"") -> None:
        """Begin the answer with its head, which leaves with the first ``send``; ``length`` is ``None`` for a stream."""

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send now what can be sent, and the rest when the client reads."""

    @abstractmethod
    def keep(self, rest: bytes) -> None:
        """Keep ``rest``, which a slow client has not taken."""

    @abstractmethod
    def finish(self, *, keep_alive: bool = True) -> None:
        """End the present answer."""

    @abstractmethod
    def reset(self) -> None:
        """Tear down what the request came by."""

    @abstractmethod
    def close(self) -> None:
        """Close what the request came by, and cancel the stream on it."""

    def answer(self, status: int, body: bytes, content_type: bytes = http.JSON, allow: bytes = b"") -> None:
        """Send a whole answer, at once."""
        self.begin(status, content_type, len(body), allow)
        self.send(b"" if self.request.method == "HEAD" else body)
        self.finish()


# Answers a request with the JSON object that it returns, or by itself, now or later. Raises HttpError.
Handler = Callable[[State, Connection, http.Request], Mapping[str, Any] | None]
Routes = Mapping[str, Mapping[str, Handler]]  # path -> method -> handler
