"""httpx, on threads and on an event loop. On threads one Client for all, as its documentation does, or one each.

``INFO.distribution`` is the library: httpx, or httpx2 in the subclasses.
"""

import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib import import_module
from time import perf_counter_ns
from typing import Any, ClassVar

from loadgen.clients import LIMITS, LINES, Failures, Info, Phase, Sink, choice, http2, trust
from loadgen.model import Cell, Mode, Outcome, Request

# The defaults of httpx and httpx2.
POOL_TIMEOUT_S = 5.0
DEFAULT_LIMITS: Mapping[str, int | None] = {"max_connections": 100, "max_keepalive_connections": 20}


class HttpxSync:
    INFO: ClassVar = Info(
        name="httpx-sync",
        mode="threads",
        distribution="httpx",
        extra="httpx",
        options={"session": ("shared", "per-thread"), **LIMITS, **LINES},
        http=("1.1", "2"),
    )

    def __init__(self, cell: Cell) -> None:
        httpx: Any = import_module(self.INFO.distribution)
        self.failures = failures(httpx)
        context = trust.context(cell)

        def new() -> Any:
            return httpx.Client(
                **settings(httpx, cell, self.INFO.mode, context=context), cookies=no_cookies()
            )

        self._new = new
        self._read = _lines if choice(cell.client, "lines") == "native" else httpx.Response.iter_raw
        self._local = threading.local()
        shared = choice(cell.client, "session") == "shared"
        self._shared = self._new() if shared else None

    def stream(self, request: Request, sink: Sink) -> None:
        client = self._shared or getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self._new()
        with client.stream(
            request.method,
            request.url,
            headers=request.headers,
            content=request.body,
            extensions={"trace": Trace(sink)},
        ) as response:
            report_headers(response, sink)
            on_data = sink.data
            for chunk in self._read(response):
                on_data(chunk)


class HttpxAsync:
    INFO: ClassVar = Info(
        name="httpx-async",
        mode="tasks",
        distribution="httpx",
        extra="httpx",
        options={**LIMITS, **LINES},
        http=("1.1", "2"),
    )

    def __init__(self, cell: Cell) -> None:
        httpx: Any = import_module((self.INFO.modules or (self.INFO.distribution,))[0])
        self.failures = failures(httpx)
        self._client = self._make(httpx, cell)
        self._read = _async_lines if choice(cell.client, "lines") == "native" else httpx.Response.aiter_raw

    async def stream(self, request: Request, sink: Sink) -> None:
        async with self._client.stream(
            request.method,
            request.url,
            headers=request.headers,
            content=request.body,
            extensions={"trace": AsyncTrace(sink)},
        ) as response:
            self._report(response, sink)
            on_data = sink.data
            async for chunk in self._read(response):
                on_data(chunk)

    # httpx on aiohttp differs in these

    def _make(self, httpx: Any, cell: Cell) -> Any:
        return httpx.AsyncClient(**settings(httpx, cell, self.INFO.mode), cookies=no_cookies())

    def _report(self, response: Any, sink: Sink) -> None:
        report(response, sink)


class Trace:
    """What httpcore calls at the begin and end of each step of a request. TCP includes the name lookup."""

    __slots__ = ("_began", "_sink")
    _PHASES: ClassVar[Mapping[str, Phase]] = {
        "connection.connect_tcp.complete": "connect",
        "connection.start_tls.complete": "tls",
    }

    def __init__(self, sink: Sink) -> None:
        self._sink, self._began = sink, 0

    def __call__(self, step: str, _: object) -> Any:
        if step.startswith("connection."):
            now = perf_counter_ns()
            if (phase := self._PHASES.get(step)) is not None:
                self._sink.phase(phase, now - self._began)
            self._began = now


class AsyncTrace(Trace):
    """The same on an event loop."""

    __slots__ = ()

    async def __call__(self, step: str, info: object) -> None:
        Trace.__call__(self, step, info)


def failures(httpx: Any) -> Failures:
    """Return the outcomes of the exceptions of httpx or httpx2."""
    return (
        (httpx.ConnectTimeout, "", Outcome.CONNECT_TIMEOUT),
        (httpx.ReadTimeout, "", Outcome.FIRST_TOKEN_TIMEOUT),
        (httpx.RemoteProtocolError, "peer closed", Outcome.TRUNCATED),
        (httpx.RemoteProtocolError, "disconnected", Outcome.TRUNCATED),
        (httpx.RemoteProtocolError, "", Outcome.UNDECODABLE),
    )


def settings(
    httpx: Any,
    cell: Cell,
    mode: Mode,
    pool: float | None = POOL_TIMEOUT_S,
    context: Any = None,
    default: Mapping[str, int | None] = DEFAULT_LIMITS,
) -> dict[str, Any]:
    """Return the arguments of a Client: no limit on connections, or the library's own, nothing from the environment.

    A thread waits for the headers until the timeout of the first token, or the total one. Where the library limits
    connections (to ``default``), a stream waits ``pool`` seconds for one.
    """
    context = context or trust.context(cell)
    timeouts = cell.workload.timeouts
    read = min(timeouts.first_token, timeouts.total) if mode == "threads" else None
    lifted = cell.client.options.get("limits") != "default"
    wait = httpx.Timeout(None, connect=timeouts.connect, read=read, pool=None if lifted else pool)
    own = {"timeout": wait, "trust_env": False}
    if cell.workload.http == "2":
        # Threads that share a connection change its timeout for each other: one for all, lest a read fails.
        wait.write = wait.read
        return {**own, "transport": http2.transport(httpx, cell, mode, context)}
    # httpcore imports h2 wherever it is installed, which costs memory.
    sys.modules.setdefault("h2", None)  # type: ignore[arg-type]
    limits = {**default, **(dict.fromkeys(DEFAULT_LIMITS) if lifted else {})}
    if cell.workload.connections == "new":
        limits["max_keepalive_connections"] = 0
    return {**own, "verify": context, "limits": httpx.Limits(**limits)}


def no_cookies() -> CookieJar:
    """Return a jar that accepts and sends no cookies."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def report_headers(response: Any, sink: Sink) -> None:
    """Report the socket and the status of a response on a thread, and end the library's read timeout.

    With HTTP/2 that remains: the engine cannot end a stream by shutting down a connection that others use.
    """
    if response.http_version != "HTTP/2":
        # httpcore reads this timeout again when the body begins.
        response.request.extensions["timeout"]["read"] = None
    report(response, sink)


def report(response: Any, sink: Sink) -> None:
    """Report the connection and the status of a response."""
    sock, version = response.extensions["network_stream"].get_extra_info("socket"), response.http_version
    if version == "HTTP/2":  # other streams may be on the connection
        sink.connection(port=sock.getsockname()[1])
    else:
        sink.connected(sock)
    sink.connection(http=version.removeprefix("HTTP/"))
    sink.headers(response.status_code, response.headers.get)


def _lines(response: Any) -> Iterator[bytes]:
    return (line.encode() + b"\n" for line in response.iter_lines())


async def _async_lines(response: Any) -> AsyncIterator[bytes]:
    async for line in response.aiter_lines():
        yield line.encode() + b"\n"
