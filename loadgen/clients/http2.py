"""The connections of httpx for HTTP/2: as many as the streams need, or one for each.

A pool of httpcore has one connection, with at most 100 streams on it, whatever the server allows; the others wait. So
that this is no hidden limit, there is a pool for each 100 streams.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from threading import Lock
from typing import Any

from loadgen.model import Cell, Mode

STREAMS = 100  # h2's default for what a peer may open, which httpcore takes for its own limit


def transport(httpx: Any, cell: Cell, mode: Mode, context: Any) -> Any:
    """Return a transport of httpx or httpx2 that speaks HTTP/2 only, with prior knowledge where there is no TLS."""
    make = httpx.HTTPTransport if mode == "threads" else httpx.AsyncHTTPTransport
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)

    def new() -> Any:
        return make(verify=context, trust_env=False, http1=False, http2=True, limits=limits)

    found = new()
    if cell.client.options.get("limits") == "default" and cell.workload.connections == "reuse":
        return found
    found._pool = Pools(lambda: new()._pool, 1 if cell.workload.connections == "new" else STREAMS)
    return found


class Pools:
    """Pools of httpcore, each with so many streams at once; where that is one, it is closed after its stream."""

    def __init__(self, new: Callable[[], Any], streams: int) -> None:
        self._new, self._streams = new, streams
        self._places: list[Any] = []  # the pool of each stream that there may be
        self._lock = Lock()

    def _take(self) -> Any:
        with self._lock:
            if not self._places:
                self._places = [self._new()] * self._streams
            return self._places.pop()

    def handle_request(self, request: Any) -> Any:
        pool = self._take()
        try:
            response = pool.handle_request(request)
        except BaseException:
            self.leave(pool)
            raise
        response.stream = _Body(response.stream, self, pool)
        return response

    async def handle_async_request(self, request: Any) -> Any:
        pool = self._take()
        try:
            response = await pool.handle_async_request(request)
        except BaseException:
            await self.aleave(pool)
            raise
        response.stream = _Body(response.stream, self, pool)
        return response

    def leave(self, pool: Any) -> None:
        if self._streams == 1:
            pool.close()
        else:
            self._places.append(pool)

    async def aleave(self, pool: Any) -> None:
        if self._streams == 1:
            await pool.aclose()
        else:
            self._places.append(pool)


class _Body:
    """The body of a response, which gives its place back when it is closed."""

    def __init__(self, body: Any, pools: Pools, pool: Any) -> None:
        self._body, self._pools, self._pool = body, pools, pool

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._body)

    def close(self) -> None:
        self._body.close()
        self._pools.leave(self._pool)

    async def aclose(self) -> None:
        await self._body.aclose()
        await self._pools.aleave(self._pool)
