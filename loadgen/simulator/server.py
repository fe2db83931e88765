"""The loop and its connections: one thread, one epoll, one wheel, and sends straight from the wheel."""

from __future__ import annotations

import errno
import gc
import resource
import select
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from loadgen.model import Simulator
from loadgen.simulator import api, http
from loadgen.simulator.clock import Clock
from loadgen.simulator.plan import Planner
from loadgen.simulator.record import Record
from loadgen.simulator.scheduler import Models, Slots
from loadgen.simulator.stream import Asked, Stream
from loadgen.simulator.wheel import Timer, Wheel

BACKLOG: Final = 8192
# A burst of new connections must not hold up the streams: so many events between two looks at the wheel.
_EVENTS: Final = 16
_READ: Final = 64 << 10
_PIPELINED: Final = 256 << 10
_TIGHT_NS: Final = 5_000
_LINGER_NS: Final = 1_000_000_000

_IN: Final = select.EPOLLIN
_OUT: Final = select.EPOLLOUT
_GONE: Final = select.EPOLLHUP | select.EPOLLERR


class Server:
    """The simulator, listening once made. Raises OSError (address), ValueError (spec).

    ``epoch`` turns the loop's monotonic nanoseconds into nanoseconds since the epoch.
    """

    def __init__(self, spec: Simulator, host: str = "127.0.0.1", port: int = 0) -> None:
        self.spec = spec
        self.planner = Planner(spec)
        self.wheel = Wheel()
        self.clock = Clock()
        self.slots = Slots(spec.parallel, spec.max_queue)
        self.models = Models(spec.load)
        self.record = Record()
        self.epoch = time.time_ns() - time.monotonic_ns()
        self._tie_clocks()
        _raise_file_limit()
        self._running = True
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._listener = _listen(host, port)
        self._accepting = True
        self._waker, woken = socket.socketpair()
        self._woken = woken
        self._waker.setblocking(False)
        self.watch(self._listener.fileno(), self._accept)
        self.watch(woken.fileno(), lambda _: None)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def reset(self) -> None:
        """A new record; the next inference request is the first again. Open streams keep the old one."""
        self.record = Record()
        gc.collect()

    def watch(self, fd: int, handler: Callable[[int], None], events: int = _IN) -> None:
        """Call ``handler(events)`` when ``fd`` is ready. Raises PermissionError for a plain file."""
        self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def rewatch(self, fd: int, events: int) -> None:
        """Change the events that ``fd`` is watched for."""
        self._epoll.modify(fd, events)

    def unwatch(self, fd: int) -> None:
        """Forget ``fd``, before it is closed."""
        del self._handlers[fd]
        self._epoll.unregister(fd)
        if not self._accepting:
            self._accepting = True
            self.rewatch(self._listener.fileno(), _IN)

    def stop(self) -> None:
        """Make ``run`` return; may be called from a signal handler."""
        self._running = False
        with suppress(OSError):
            self._waker.send(b"!")

    def run(self) -> None:
        """Serve until ``stop``."""
        epoll, wheel, handlers = self._epoll, self.wheel, self._handlers
        # The collector would pause all streams to look through every open one. What streams leave behind has
        # no cycles (a stream and its connection let go of each other), and `reset` collects what errors left.
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            while self._running:
                now = self._tie_clocks()
                wheel.turn(now)
                self.record.trim()
                wait = wheel.wait(time.monotonic_ns())
                if wait is None:
                    events = epoll.poll(maxevents=_EVENTS)
                else:
                    if wait > 0:
                        # epoll waits whole milliseconds, and longer rather than shorter; select waits
                        # microseconds.
                        select.select([epoll], (), (), min(wait, 60))
                    events = epoll.poll(0, _EVENTS)
                for fd, what in events:
                    handler = handlers.get(fd)
                    if handler is not None:
                        handler(what)
        finally:
            gc.enable()
            self._close()

    def _tie_clocks(self) -> int:
        """Follow the wall clock where it is slewed or set; gives the monotonic time."""
        before, epoch, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        # Whoever was interrupted between two clocks knows nothing of their difference.
        if after - before < _TIGHT_NS:
            self.epoch = epoch - before
        return after

    def _accept(self, _: int) -> None:
        for _ in range(_EVENTS):
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    # The rest waits in the listen queue until a connection ends.
                    self._accepting = False
                    self.rewatch(self._listener.fileno(), 0)
                return
            Connection(self, sock)

    def _close(self) -> None:
        for handler in list(self._handlers.values()):
            owner = getattr(handler, "__self__", None)
            if isinstance(owner, Connection):
                owner.close()
        self._listener.close()
        self._waker.close()
        self._woken.close()
        self._epoll.close()


class Connection:
    """One client. Its requests are answered one after the other; what comes meanwhile waits in the parser.

    ``out`` is what the client was too slow to take. While it is not empty nothing is due for ``stream``: like
    Ollama's handler, it is held up in its write.
    """

    __slots__ = (
        "_busy", "_closing", "_continued", "_draining", "_eof", "_events", "_keep_alive", "_parser",
        "_server", "chunked", "head_only", "out", "sock", "stream",
    )  # fmt: skip

    def __init__(self, server: Server, sock: socket.socket) -> None:
        self.sock = sock
        self.out = bytearray()
        self.stream: Stream | None = None
        self.chunked = self._keep_alive = True
        self.head_only = False
        self._server = server
        self._parser = http.Parser()
        self._busy = self._closing = self._continued = self._draining = self._eof = False
        self._events = _IN
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.watch(sock.fileno(), self._ready)

    # ------------------------------------------------------------------------------------------- reading

    def _ready(self, events: int) -> None:
        if events & _OUT and self.out:
            self._flush()
        if events & (_IN | _GONE) and self.sock.fileno() >= 0:
            self._read()

    def _read(self) -> None:
        try:
            data = self.sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not data:
            # A client that has closed its side has left, as Go's server sees it; only an answer on its way
            # goes on.
            self._eof = True
            if self._busy or not self.out or self._draining:
                self.close()
            else:
                self._closing = True
                self._watch()
        elif not self._draining:
            self._parser.feed(data)
            self._pump()

    def _pump(self) -> None:
        while not (self._busy or self.out or self._closing or self._draining) and self.sock.fileno() >= 0:
            try:
                request = self._parser.next()
            except http.BadRequest as error:
                self._keep_alive = self.chunked = True
                self.head_only = False
                self.answer(error.status, f"{error.status} {error}".encode(), http.TEXT, keep_alive=False)
                return
            if request is None:
                if self._parser.wants_continue and not self._continued:
                    self._continued = True
                    self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                break
            self._continued = False
            self._busy = True
            self._keep_alive, self.chunked = request.keep_alive, request.chunked
            self.head_only = request.method == "HEAD"
            api.route(self._server, self, request)
        self._watch()

    def _watch(self) -> None:
        if self.sock.fileno() < 0:
            return
        full = (self._busy or self.out) and self._parser.buffered > _PIPELINED
        events = (0 if full or self._eof else _IN) | (_OUT if self.out else 0)
        if events != self._events:
            self._events = events
            self._server.rewatch(self.sock.fileno(), events)

    # ------------------------------------------------------------------------------------------- sending

    def send(self, data: bytes) -> None:
        """Send now what can be sent, and the rest when the client reads."""
        if self.out:
            self.out += data
            return
        if self.sock.fileno() < 0:
            return
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        if sent != len(data):
            self.keep(data[sent:])

    def keep(self, rest: bytes) -> None:
        """``rest`` could not be sent: the client is slow."""
        self._server.record.blocked += 1
        self.out += rest
        self._watch()

    def _flush(self) -> None:
        try:
            with memoryview(self.out) as view:
                sent = self.sock.send(view[: 1 << 20])
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        del self.out[:sent]
        if self.out:
            return
        if self.stream is not None:
            self.stream.resume()
        elif self._closing:
            self._shut()
            return
        self._pump()

    def head(self, status: int, content_type: bytes, length: int | None, allow: bytes = b"") -> bytes:
        """The head of the answer to the present request."""
        clock = self._server.clock
        clock.stamp()
        return http.head(
            status,
            content_type,
            clock.date,
            length=length,
            keep_alive=self._keep_alive and (self.chunked or length is not None),
            chunked=self.chunked,
            allow=allow,
        )

    def answer(
        self,
        status: int,
        body: bytes,
        content_type: bytes = http.JSON,
        *,
        keep_alive: bool = True,
        allow: bytes = b"",
    ) -> None:
        """A whole answer, at once."""
        self._keep_alive = self._keep_alive and keep_alive
        head = self.head(status, content_type, len(body), allow)
        self.send(head if self.head_only else head + body)
        self.finish()

    def answer_error(self, status: int, message: str) -> None:
        """An error as Ollama words it."""
        self.answer(status, api.encode({"error": message}))

    # -------------------------------------------------------------------------------------------- ending

    def begin(self, asked: Asked, ordinal: int) -> None:
        """The present request is for a stream."""
        self.stream = Stream(self._server, self, asked, ordinal)
        self.stream.start()

    def finish(self, *, keep_alive: bool = True) -> None:
        """The present answer is complete; what was pipelined behind it is next."""
        if self.sock.fileno() < 0:
            return
        self._busy = False
        if not (keep_alive and self._keep_alive):
            self._closing = True
            if not self.out:
                self._shut()
            return
        if self._parser.buffered:
            self._server.wheel.add(time.monotonic_ns(), Timer(self._pump))
        else:
            self._watch()

    def _shut(self) -> None:
        """Close our side, then wait for the client's: to close with bytes unread is to reset."""
        self._closing, self._draining = False, True
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
            return
        if self._eof:
            self.close()
            return
        self._watch()
        self._server.wheel.add(time.monotonic_ns() + _LINGER_NS, Timer(self.close))

    def reset(self) -> None:
        """Tear the connection down."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Let go of the socket, and of the stream on it."""
        fd = self.sock.fileno()
        if fd < 0:
            return
        self._server.unwatch(fd)
        self.sock.close()
        self.out.clear()
        self._busy = False
        if self.stream is not None:
            self.stream.cancel()


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port < 1 << 16:  # getaddrinfo would wrap it round
        raise ValueError(f"port {port} is not within 0 to 65535")
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
