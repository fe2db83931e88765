"""The reference client: a bare ``asyncio.Protocol`` with httptools, on uvloop. No client could cost much less.

It implements only the HTTP/1.1 that a streamed response needs, and takes a read that is one whole chunk itself.
"""

import asyncio
import select
from collections import defaultdict
from collections.abc import Callable
from socket import SOCK_STREAM
from time import perf_counter_ns
from typing import Any, ClassVar, cast
from urllib.parse import urlsplit

from loadgen.clients import Failures, Info, Sink, connecting, trust
from loadgen.model import Cell, Outcome, Request

RACE = "keep-alive race: the server closed a reused connection before the first byte of an answer"
# Of a whole chunk by the size of it all: how it begins. No two sizes are alike, whatever the number of digits.
CHUNK_HEADS = {len(head) + size + 2: head for size in range(1, 2048) for head in (b"%x\r\n" % size,)}
MAX_HEAD_BYTES = 256 << 10  # of headers, trailers and chunk extensions: what comes without a byte of the body
SWITCHING_PROTOCOLS = 101  # the one 1xx after which no answer comes


class Floor:
    INFO: ClassVar = Info(
        name="floor",
        mode="tasks",
        distribution="httptools",
        extra="floor",
        options={"loop": ("uvloop", "asyncio")},
    )

    def __init__(self, cell: Cell) -> None:
        import httptools

        self.failures: Failures = (
            (TimeoutError, "", Outcome.CONNECT_TIMEOUT),
            (EOFError, "", Outcome.TRUNCATED),
            (OverflowError, "", Outcome.UNDECODABLE),
            (httptools.HttpParserError, "", Outcome.UNDECODABLE),
        )
        self._parser = httptools.HttpResponseParser
        self._timeout, self._keeps = cell.workload.timeouts.connect, cell.workload.connections == "reuse"
        is_tls = urlsplit(cell.url).scheme == "https"
        self._tls = connecting.handshakes(trust.context(cell)) if is_tls else None
        self._idle: defaultdict[tuple[str, int], list[_Connection]] = defaultdict(list)

    async def stream(self, request: Request, sink: Sink) -> None:
        url = urlsplit(request.url)
        usual = 443 if self._tls else 80
        address = (url.hostname or "", url.port or usual)
        path = url.path + ("?" + url.query if url.query else "")
        connecting.sink.set(sink)
        connection = await self._connect(address)
        try:
            connection.send(path, url.netloc.rpartition("@")[2].removesuffix(f":{usual}"), request)
            status = await connection.status()
            sink.connected(connection.socket)
            sink.connection(http=connection.version)
            sink.headers(status, connection.header)
            await connection.body(sink.data)
        finally:
            if connection.reusable and self._keeps:
                self._idle[address].append(connection)
            else:
                connection.close()

    async def _connect(self, address: tuple[str, int]) -> "_Connection":
        idle = self._idle[address]
        while idle:
            connection = idle.pop()
            if connection.is_usable():
                return connection
            connection.close()
        loop = asyncio.get_running_loop()
        (host, port), began = address, perf_counter_ns()
        async with asyncio.timeout(self._timeout):
            hosts = [host]
            if not connecting.is_address(host):
                found = await loop.getaddrinfo(host, port, type=SOCK_STREAM)
                hosts = [str(address[0]) for *_, address in found]
                began = connecting.ended("dns", began)
            for host in hosts:
                try:
                    _, connection = await loop.create_connection(
                        lambda: _Connection(loop, self._parser),
                        host,
                        port,
                        ssl=self._tls,
                        server_hostname=address[0] if self._tls else None,
                    )
                    break
                except OSError:
                    if host == hosts[-1]:
                        raise
        connecting.opened(began, connection.tls)
        return connection


def readable(fd: int) -> Callable[[], bool]:
    """Return what tells, in one system call, whether a descriptor has bytes or an end to be read."""
    if not hasattr(select, "poll"):  # Windows
        return lambda: bool(select.select([fd], [], [], 0)[0])
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return lambda: bool(poll.poll(0))


class _Connection(asyncio.Protocol):
    """One connection and its current response."""

    __slots__ = (
        "_between_chunks", "_body", "_code", "_complete", "_error", "_feed", "_framed", "_head", "_headers",
        "_interim", "_is_readable", "_loop", "_make_parser", "_on_data", "_parser", "_received", "_reused",
        "_transport", "_waiter", "reusable", "socket", "tls", "version",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, parser: Callable[[Any], Any]) -> None:
        self._loop = loop
        self._make_parser = parser
        self._waiter: asyncio.Future[None] | None = None
        self._on_data: Callable[[bytes], object] | None = None
        self._body: list[bytes] = []
        self._code = 0
        self._complete = False
        self._framed = False
        self._error: Exception | None = None
        self._received = self._reused = self._between_chunks = False
        self._head = 0
        self.version = ""
        self.reusable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.socket = transport.get_extra_info("socket")
        self.tls = transport.get_extra_info("ssl_object")
        self._is_readable = readable(self.socket.fileno())

    def close(self) -> None:
        self.reusable = False
        self._transport.abort()

    def is_usable(self) -> bool:
        """Return whether the next request may be sent: neither an end nor bytes have come since the last answer."""
        # The loop may not have seen yet what the kernel has.
        return self.reusable and not self._transport.is_closing() and not self._is_readable()

    def send(self, path: str, host: str, request: Request) -> None:
        self._parser = self._make_parser(self)
        self._feed: Callable[[bytes], object] = self._parser.feed_data
        self._code, self._complete, self._framed, self.reusable = 0, False, False, False
        self._received, self._between_chunks, self._head = False, False, 0
        self._headers: list[tuple[bytes, bytes]] = []
        headers = {"Host": host, **request.headers, "Content-Length": len(request.body)}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._transport.write(
            f"{request.method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + request.body
        )

    async def status(self) -> int:
        while not self._code:
            await self._change()
        return self._code

    def header(self, name: str) -> str | None:
        """Return the value of a header of the current response."""
        wanted = name.lower().encode()
        return next(
            (value.decode("latin-1") for each, value in self._headers if each.lower() == wanted), None
        )

    async def body(self, on_data: Callable[[bytes], object]) -> None:
        self._on_data = on_data
        try:
            self._deliver(on_data)
            while not self._complete:
                await self._change()
        finally:
            self._on_data = None

    async def _change(self) -> None:
        if self._error:
            raise self._error
        self._waiter = self._loop.create_future()
        await self._waiter

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _deliver(self, on_data: Callable[[bytes], object]) -> None:
        body = self._body
        if body:
            data = body[0] if len(body) == 1 else b"".join(body)
            body.clear()
            on_data(data)

    def data_received(self, data: bytes) -> None:
        on_data = self._on_data
        try:
            if self._between_chunks and on_data is not None:
                head = CHUNK_HEADS.get(len(data))
                if head is not None and data.startswith(head) and data.endswith(b"\r\n"):
                    on_data(data[len(head) : -2])  # one whole chunk, which would leave the parser where it is
                    return
            self._received = True
            self._head += len(data)
            self._between_chunks = False
            self._feed(data)
            if self._between_chunks and not data.endswith(b"\r\n"):  # the next one has begun
                self._between_chunks = False
            if self._head > MAX_HEAD_BYTES:
                raise OverflowError(f"more than {MAX_HEAD_BYTES >> 10} KiB of headers without a body")
            if on_data is not None:
                self._deliver(on_data)
                if not self._complete:
                    return
        except Exception as error:  # raised where the stream waits, not in the event loop
            self._error, self._complete, self.reusable = error, False, False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        if self._code and not self._framed and exc is None:
            self._complete = True  # a body without length or chunks ends with the connection
        if self._reused and not self._received:
            exc = ConnectionResetError(RACE) if exc else EOFError(RACE)
        self._error = self._error or exc or EOFError("the connection was closed inside the response")
        self._wake()

    # httptools calls these
    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._interim = 100 <= status < 200 and status != SWITCHING_PROTOCOLS
        if not self._interim:
            self._code, self.version = status, self._parser.get_http_version()

    def on_body(self, body: bytes) -> None:
        self._head = 0
        self._body.append(body)

    def on_chunk_header(self) -> None:
        self._between_chunks = False

    def on_chunk_complete(self) -> None:
        self._between_chunks = not self._complete

    def on_message_complete(self) -> None:
        if self._interim:  # the answer follows
            self._framed = False
            self._headers.clear()
            return
        self._complete = self._reused = True
        self._between_chunks = False
        self.reusable = self._parser.should_keep_alive()
        self._feed = self._unrequested

    def _unrequested(self, data: bytes) -> None:  # noqa: ARG002
        self.reusable = False
