"""Time the phases in which a library opens a connection, for the stream that opens it.

Where a library reports phases with the request (httpx's ``trace``) or their durations (libcurl), neither is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from ipaddress import ip_address
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from loadgen.clients import Phase, Sink

sink: ContextVar[Sink] = ContextVar("sink")  # of the stream of this thread, greenlet or task


def is_address(host: str) -> bool:
    """Return whether there is no name to look up."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def opened(since: int, tls: Any) -> None:
    """Report a connection of an event loop, opened now, that had an address since then; ``tls`` is its SSL object."""
    if tls is None:
        ended("connect", since)
    else:
        sink.get().phase("connect", tls.began - since)
        ended("tls", tls.began)


def from_port(address: Any) -> None:
    """Report the own address of a connection, which may be closed when the headers are reported."""
    if isinstance(address, tuple):
        sink.get().connection(port=address[1])


def ended(phase: Phase, since: int) -> int:
    """Report to the current stream that a phase has lasted since then; return when it ended."""
    now = perf_counter_ns()
    sink.get().phase(phase, now - since)
    return now


def handshakes(context: Any) -> Any:
    """Make an ``ssl.SSLContext`` note in each object of a connection on an event loop when its handshake began."""
    wrap = context.wrap_bio

    def wrap_bio(*args: Any, **named: Any) -> Any:
        wrapped = wrap(*args, **named)
        wrapped.began = perf_counter_ns()
        return wrapped

    context.wrap_bio = wrap_bio
    return context


def of_curl(seconds: Sequence[float], url: str, to: Sink) -> None:
    """Report what libcurl tells of a new connection: when it had an address, TCP and TLS, in seconds from the start."""
    address, tcp, tls = (round(each * 1e9) for each in seconds)
    if not is_address(urlsplit(url).hostname or ""):
        to.phase("dns", address)
    to.phase("connect", tcp - address)
    if tls:
        to.phase("tls", tls - tcp)
