"""aiohttp's ClientSession, on an event loop."""

from contextvars import ContextVar
from functools import partial
from time import perf_counter_ns
from typing import Any, ClassVar

from loadgen.clients import LIMITS, LINES, Failures, Info, Sink, Size, choice, connecting, size, trust
from loadgen.model import Cell, Outcome, Request

READ_BUFSIZE = Size(1 << 10, 1 << 30, 1)


class Aiohttp:
    INFO: ClassVar = Info(
        name="aiohttp",
        mode="tasks",
        distribution="aiohttp",
        extra="aiohttp",
        options={"read_bufsize": READ_BUFSIZE, **LIMITS, **LINES},
    )

    def __init__(self, cell: Cell) -> None:
        import aiohttp
        import yarl

        self.failures = failures()
        options = cell.client.options
        limit: dict[str, Any] = {"limit": 0} if choice(cell.client, "limits") == "lifted" else {}
        buffer: dict[str, Any] = (
            {"read_bufsize": size(options["read_bufsize"])} if "read_bufsize" in options else {}
        )
        self._session = aiohttp.ClientSession(
            connector=connector(cell, **limit),
            **buffer,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=cell.workload.timeouts.connect),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        self._url = partial(yarl.URL, encoded=True)  # else it writes the URL in a form of its own
        self._native = choice(cell.client, "lines") == "native"

    async def stream(self, request: Request, sink: Sink) -> None:
        connecting.sink.set(sink)
        async with self._session.request(
            request.method,
            self._url(request.url),
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
        ) as response:
            report(response, sink)
            on_data, body = sink.data, response.content
            if self._native:
                async for line in body:
                    on_data(line)
            else:  # iter_any(), less its iterator's coroutine for each read
                while chunk := await body.readany():
                    on_data(chunk)


def failures() -> Failures:
    """Return the outcomes of aiohttp's exceptions."""
    import aiohttp

    return (
        (aiohttp.ConnectionTimeoutError, "", Outcome.CONNECT_TIMEOUT),
        (aiohttp.ServerDisconnectedError, "", Outcome.TRUNCATED),
        (aiohttp.ClientPayloadError, "ConnectionResetError", Outcome.RESET),
        (aiohttp.ClientPayloadError, "not completed", Outcome.TRUNCATED),
        (aiohttp.ClientPayloadError, "Not enough data", Outcome.TRUNCATED),
        (aiohttp.ClientPayloadError, "", Outcome.UNDECODABLE),
        (aiohttp.ClientResponseError, "", Outcome.UNDECODABLE),
    )


def report(response: Any, sink: Sink) -> None:
    """Report the connection and the status of a response."""
    # none where the body is already complete
    if response.connection and response.connection.transport:
        sink.connected(response.connection.transport.get_extra_info("socket"))
    sink.connection(http=".".join(map(str, response.version or ())))
    sink.headers(response.status, response.headers.get)


_resolved: ContextVar[int] = ContextVar("resolved")  # mark of the connection that this task opens


def connector(cell: Cell, **own: Any) -> Any:
    """Return a TCPConnector, whose connections report how long it took to open them."""
    import aiohttp

    timed = type("Timed", (_Timed, aiohttp.TCPConnector), {})
    is_new = cell.workload.connections == "new"
    if is_new:
        own["keepalive_timeout"] = None  # none goes with force_close
    return timed(**own, force_close=is_new, ssl=connecting.handshakes(trust.context(cell)))


class _Timed:
    """The part of a connector that reports the phases. A TraceConfig would cost every request 8 µs."""

    async def _resolve_host(self, host: str, *others: Any, **named: Any) -> Any:
        began = perf_counter_ns()
        found = await super()._resolve_host(host, *others, **named)  # type: ignore[misc]
        is_address = found[0]["host"] == host
        _resolved.set(began if is_address else connecting.ended("dns", began))
        return found

    async def _create_connection(self, *request: Any) -> Any:
        protocol = await super()._create_connection(*request)  # type: ignore[misc]
        connecting.opened(_resolved.get(), protocol.transport.get_extra_info("ssl_object"))
        connecting.from_port(protocol.transport.get_extra_info("sockname"))
        return protocol
