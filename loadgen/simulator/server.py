"""The simulator: listens, accepts connections and passes each request to its route."""

from __future__ import annotations

import errno
import re
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import IO, TYPE_CHECKING, Final

from loadgen.model import Level, Simulator
from loadgen.protocols.encoder import to_json
from loadgen.simulator import http
from loadgen.simulator.apis import ANY, routes, served
from loadgen.simulator.connection import Connection, Routes
from loadgen.simulator.loop import MAX_EVENTS, Loop
from loadgen.simulator.opening import HAS_2, Opening
from loadgen.simulator.state import State

if TYPE_CHECKING:
    import ssl

_BACKLOG: Final = 8192
_FULL: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_RETRY_NS: Final = 10_000_000


def _packed_log(state: State, connection: Connection, _: http.Request) -> None:
    connection.answer(200, state.log.pack(), b"application/octet-stream")


def _reset(state: State, _: Connection, request: http.Request) -> dict[str, int]:
    state.reset(request.json(Level) if request.body else None)
    return {}


# For the measuring process and for debugging.
_OWN: Final[Routes] = {
    "/simulator/record": {"GET": lambda state, *_: state.log.counts(), "DELETE": _reset},
    "/simulator/record.bin": {"GET": _packed_log},
}


class Server:
    """The simulator, listening once made. Raises OSError and ValueError for the address, ImportError without trustme.

    ``ca`` is the file of the certificate to trust, as long as it runs; "" without TLS.
    """

    def __init__(
        self, spec: Simulator, host: str = "127.0.0.1", port: int = 0, protocols: Sequence[str] = ()
    ) -> None:
        self._routes = {**routes(spec, protocols or served(spec)), **_OWN}
        self._patterns = [
            (re.compile(re.escape(path).replace(re.escape(ANY), "[^/]*")), methods)
            for path, methods in self._routes.items()
            if ANY in path
        ]
        self._listener = _listen(host, port)
        self._context: ssl.SSLContext | None = None
        self._certificate: IO[bytes] | None = None
        if spec.tls:
            from loadgen.simulator import tls

            self._context, self._certificate = tls.certified(host, ["h2"] * HAS_2 + ["http/1.1"])
        self.ca = self._certificate.name if self._certificate else ""
        self.loop = Loop()
        self.state = State(spec, self.loop)
        with suppress(ImportError, ValueError, OSError):
            import resource  # not on Windows

            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self._watch()

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._listener.getsockname()[:2]
        return f"{'https' if self.ca else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    def stop_on_signals(self) -> None:
        """Stop at SIGINT and SIGTERM; only the main thread may call this."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.loop.stop())

    def run(self) -> None:
        """Serve until ``loop.stop``."""
        with ExitStack() as stack:
            stack.enter_context(self._listener)
            if self._certificate is not None:
                stack.enter_context(self._certificate)
            if HAS_2:  # which takes a while: nobody waits for it now, later a stream would
                import loadgen.simulator.http2  # noqa: F401
            self.loop.run()

    def _accept(self, _: int) -> None:
        for _ in range(MAX_EVENTS):
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _FULL:
                    # The rest waits in the listen queue until connections have ended.
                    self.loop.watch(self._listener.fileno(), self._accept, 0)
                    self.loop.wheel.add(time.monotonic_ns() + _RETRY_NS, self._watch)
                return
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                try:
                    sock = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                except OSError:  # the client has left already
                    sock.close()
                    continue
            Opening(self.state, sock, self._answer)

    def _answer(self, state: State, connection: Connection, request: http.Request) -> None:
        """Answer ``request`` now, or begin the stream that will."""
        methods = self._routes.get(request.path)
        if methods is None:
            methods = next((found for path, found in self._patterns if path.fullmatch(request.path)), None)
        if methods is None:
            connection.answer(404, b"404 page not found", http.TEXT)
        elif request.method not in methods:
            connection.answer(405, b"405 method not allowed", http.TEXT, ", ".join(methods).encode())
        else:
            try:
                body = methods[request.method](state, connection, request)
            except http.HttpError as error:
                connection.answer(error.status, to_json({"error": str(error)}))
            else:
                if body is not None:
                    connection.answer(200, to_json(body))

    def _watch(self) -> None:
        self.loop.watch(self._listener.fileno(), self._accept)


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port < 1 << 16:  # getaddrinfo would wrap it round
        raise ValueError(f"port {port} is not within 0 to 65535")
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
