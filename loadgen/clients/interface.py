"""What a client provides: one class, sync or async, with ``INFO``, ``failures`` and ``stream``.

A client sends a request and reports to a :class:`Sink` what comes back, as it comes: no clock, no parsing, no
``except``. The library is imported in ``__init__``, so that ``INFO`` can be read where it is not installed, and where
it must not be loaded: a process that measures one library must never import another.
"""

from __future__ import annotations

import inspect
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol, get_args

from loadgen.model import Cell, Mode, Outcome, Request


class InvalidClient(Exception):
    """A client that does not fit the interface; the message says what is missing."""


class Missing(ImportError):
    """A client whose library is not installed; the message holds the command that installs it."""


# (exception type, text its message must hold, outcome); the first that fits an error or one of its causes counts.
Failures = tuple[tuple[type[BaseException], str, Outcome], ...]


@dataclass(frozen=True, slots=True)
class Size:
    """The values of an option that is a size: bytes, in steps of ``step``. Written as ``256KiB``."""

    least: int
    most: int
    step: int


SIZES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def size(text: str) -> int:
    """Return the bytes of ``256KiB``."""
    return int(text[:-3]) * SIZES[text[-3:]]


Values = tuple[Any, ...] | Size  # every value, the default first; or a size

# An option of clients whose library has a line iterator of its own: which of the two reads the body.
LINES: Mapping[str, Values] = {"lines": ("bytes", "native")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What must be known of a client before its library is imported. Raises InvalidClient for an unknown mode."""

    name: str
    mode: Mode  # which driver runs it
    distribution: str  # on PyPI; its version is the client's
    options: Mapping[str, Values] = field(default_factory=dict)  # beside those of the driver
    protocols: tuple[str, ...] = ()  # those that it speaks; empty: any
    descriptors: int = 1  # open files per stream
    extra: str = ""  # of loadgen, that installs the library; "": none does
    modules: tuple[str, ...] = ()  # imported before a client is made; empty: the distribution's name

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise InvalidClient(f"{self.name}: mode is {self.mode!r}, not one of {', '.join(get_args(Mode))}")


class Sink(NamedTuple):
    """Where a client reports one stream to. ``data`` raises Undecodable, which the client lets pass."""

    connected: Callable[
        [socket.socket], object
    ]  # its socket, as soon as the library lets us have it; optional
    headers: Callable[[int], object]  # the status, when the headers have come
    data: Callable[[bytes], object]  # the bytes of one read of the body


class SyncClient(Protocol):
    """Driven by threads or greenlets. Made once per engine; ``stream`` is called from many threads at once.

    The library keeps the timeouts up to the headers (``connect``, ``first_token``) and none after them: those are
    the engine's. To end a stream the engine shuts down the socket reported by ``connected``; a stream whose socket the
    library hides outlasts its idle and total timeouts.
    """

    INFO: ClassVar[Info]

    def __init__(self, cell: Cell) -> None: ...

    @property
    def failures(self) -> Failures:
        """What the library's exceptions mean."""
        ...

    def stream(self, request: Request, sink: Sink) -> None:
        """Send ``request`` and return when the body has ended. Raises the library's own exceptions."""
        ...


class AsyncClient(Protocol):
    """Driven by tasks of one event loop. Made once per engine, inside the running loop.

    The library keeps the connect timeout. To end a stream the engine cancels its task.
    """

    INFO: ClassVar[Info]

    def __init__(self, cell: Cell) -> None: ...

    @property
    def failures(self) -> Failures:
        """What the library's exceptions mean."""
        ...

    async def stream(self, request: Request, sink: Sink) -> None:
        """Send ``request`` and return when the body has ended. Raises the library's own exceptions."""
        ...


Client = type[SyncClient] | type[AsyncClient]


def check(name: str, client: Any) -> Client:
    """Return ``client``. Raises InvalidClient, with what to do, where it is no client of that name."""
    info = getattr(client, "INFO", None)
    if not isinstance(info, Info):
        example = "INFO = loadgen.clients.Info(name=..., mode=..., distribution=...)"
        raise InvalidClient(f"{name}: {client!r} has no INFO; give the class {example}")
    if info.name != name:
        raise InvalidClient(f"{name}: INFO.name is {info.name!r}; it must be the name of the entry point")
    stream = getattr(client, "stream", None)
    if not callable(stream):
        raise InvalidClient(f"{name}: {client!r} has no method stream(request, sink)")
    if inspect.iscoroutinefunction(stream) != (info.mode == "tasks"):
        kind = "a coroutine, so" if info.mode != "tasks" else "no coroutine, so"
        right = "'tasks'" if info.mode != "tasks" else "'threads' or 'greenlets'"
        raise InvalidClient(f"{name}: stream is {kind} INFO.mode must be {right}, not {info.mode!r}")
    found: Client = client
    return found
