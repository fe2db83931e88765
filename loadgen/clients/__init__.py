"""The HTTP libraries under test, one small file each.

A client opens a request and hands over the bytes as they come: no clock, no parsing, no ``except``. There are
two shapes, :class:`SyncClient` and :class:`AsyncClient`; the shape picks the driver. Nothing here imports a
library: a process that measures one must never import another.
"""

from __future__ import annotations

import mmap
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

from loadgen import registry
from loadgen.model import ClientId, Mode, Outcome, Request

GROUP = "loadgen.clients"

# (exception type, text its message must hold, outcome); the first that fits an error or one of its causes counts.
Failures = tuple[tuple[type[BaseException], str, Outcome], ...]


class SyncResponse(NamedTuple):
    """A response whose body has not been read.

    ``socket`` is the one it comes through: a thread that waits in ``recv`` can only be ended by shutting it
    down. None where the library hides it; such a stream outlasts its idle and total timeouts.
    """

    status: int
    chunks: Iterator[bytes]
    socket: socket.socket | None


Read = Callable[[bytes], None]  # to be called with the bytes of each read
Answered = Callable[[int], None]  # to be called with the status when the headers are there
Connected = Callable[[socket.socket], None]  # to be called with the socket, as soon as it can be had

# For a library of which one call lasts as long as the stream: it tells from within, by callbacks or hooks of its
# own, and returns when the body has ended.
SyncCall = Callable[[Connected, Answered, Read], None]
AsyncCall = Callable[[Answered, Read], Awaitable[None]]

# Calls the function given with the bytes of each read, from within the library's callback, until the body ends.
Push = Callable[[Read], Awaitable[None]]


class AsyncResponse(NamedTuple):
    """A response whose body has not been read. A library made of callbacks pushes; the others are iterated."""

    status: int
    chunks: AsyncIterator[bytes] | Push


class SyncClient(Protocol):
    """Made once per engine, from its :class:`~loadgen.model.Cell`; ``open`` is called from many threads.

    The library keeps the timeouts up to the headers (``connect``, ``first_token``) and none after them: those
    are the engine's.
    """

    failures: ClassVar[Failures]

    def open(self, request: Request) -> AbstractContextManager[SyncResponse | SyncCall]:
        """Send ``request``; the response is there when its headers are. A call sends it when it is called."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...


class AsyncClient(Protocol):
    """Made once per engine, inside the running loop, from its :class:`~loadgen.model.Cell`."""

    failures: ClassVar[Failures]

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncResponse | AsyncCall]:
        """Send ``request``; the response is there when its headers are. A call sends it when it is called."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


@dataclass(frozen=True, slots=True)
class Size:
    """The values of an option that is a size: bytes, in steps of ``step``. A client has it as ``256KiB``."""

    least: int
    most: int
    step: int


SIZES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def size(told: str) -> int:
    """The bytes of ``256KiB``."""
    return int(told[:-3]) * SIZES[told[-3:]]


Values = tuple[Any, ...] | Size  # every value, the default first; or a size


class Entry(NamedTuple):
    """What must be known of a client without importing its library. The options are the library's own."""

    path: str | None
    mode: Mode
    distribution: str
    extra: str
    options: Mapping[str, Values]
    protocols: tuple[str, ...] = ()  # those that it speaks; empty: it takes the bytes of any


# The options that every client of a mode has, since its driver takes them.
DRIVERS: Mapping[Mode, Mapping[str, Values]] = {
    "threads": {"stack": Size(32 << 10, 1 << 30, mmap.PAGESIZE)},
    "tasks": {"loop": ("asyncio", "uvloop")},
    "greenlets": {},
}

# What hands over the bytes of the body: the library's reading, or its own line iterator.
LINES: Mapping[str, Values] = {"lines": ("bytes", "native")}

OLLAMA = ("ollama-generate", "ollama-chat")
OPENAI = ("openai-chat",)

BUILTIN: dict[str, Entry] = {
    "requests": Entry(
        "loadgen.clients.requests:Requests",
        "threads",
        "requests",
        "requests",
        {"session": ("per-thread", "shared"), **LINES},
    ),
    "httpx-sync": Entry(
        "loadgen.clients.httpx_sync:HttpxSync",
        "threads",
        "httpx",
        "httpx",
        {"session": ("shared", "per-thread"), **LINES},
    ),
    "httpx-async": Entry("loadgen.clients.httpx_async:HttpxAsync", "tasks", "httpx", "httpx", LINES),
    "aiohttp": Entry("loadgen.clients.aiohttp:Aiohttp", "tasks", "aiohttp", "aiohttp", LINES),
    "httpx2-sync": Entry(
        "loadgen.clients.httpx2_sync:Httpx2Sync",
        "threads",
        "httpx2",
        "httpx2",
        {"session": ("shared", "per-thread"), **LINES},
    ),
    "httpx2-async": Entry("loadgen.clients.httpx2_async:Httpx2Async", "tasks", "httpx2", "httpx2", LINES),
    "urllib3": Entry("loadgen.clients.urllib3:Urllib3", "threads", "urllib3", "urllib3", LINES),
    "pycurl": Entry("loadgen.clients.pycurl:Pycurl", "threads", "pycurl", "pycurl", {}),
    "curl_cffi-async": Entry(
        "loadgen.clients.curl_cffi_async:CurlCffiAsync", "tasks", "curl_cffi", "curl_cffi", LINES
    ),
    "ollama-sync": Entry("loadgen.clients.ollama_sync:OllamaSync", "threads", "ollama", "ollama", {}, OLLAMA),
    "ollama-async": Entry(
        "loadgen.clients.ollama_async:OllamaAsync", "tasks", "ollama", "ollama", {}, OLLAMA
    ),
    "openai-sync": Entry("loadgen.clients.openai_sync:OpenaiSync", "threads", "openai", "openai", {}, OPENAI),
    "openai-async": Entry(
        "loadgen.clients.openai_async:OpenaiAsync", "tasks", "openai", "openai", {}, OPENAI
    ),
    "niquests": Entry("loadgen.clients.niquests:Niquests", "threads", "niquests", "niquests", LINES),
    "requests-gevent": Entry(
        "loadgen.clients.requests:Requests",
        "greenlets",
        "requests",
        "gevent",
        {"session": ("per-thread", "shared"), **LINES},
    ),
    "floor": Entry(
        "loadgen.clients.floor:Floor", "tasks", "httptools", "floor", {"loop": ("uvloop", "asyncio")}
    ),
}


class Missing(Exception):
    """A client whose library is not installed; the message holds the command that installs it."""


def names() -> list[str]:
    """Every client's name."""
    return registry.names(BUILTIN, GROUP)


def entry(name: str) -> Entry:
    """What is known of the client of that name. An outsider's class is imported and asked.

    Raises LookupError for a name nobody knows.
    """
    if name in BUILTIN:
        return BUILTIN[name]
    outsider = registry.load(None, GROUP, name)
    return Entry(
        None,
        getattr(outsider, "mode", "threads"),
        getattr(outsider, "distribution", name),
        "",
        getattr(outsider, "options", {}),
        getattr(outsider, "protocols", ()),
    )


def options(name: str) -> Mapping[str, Values]:
    """The options of the client of that name, those of its driver among them. Raises as :func:`entry`."""
    known = entry(name)
    return {**DRIVERS[known.mode], **known.options}


def choice(client: ClientId, option: str) -> Any:
    """The value of an option that has a default."""
    values = options(client.name)[option]
    assert not isinstance(values, Size)
    return client.options.get(option, values[0])


def load(client: ClientId) -> Any:
    """The class of a client. Raises LookupError for an unknown name and Missing for a missing library."""
    known = entry(client.name)
    try:
        return registry.load(known.path, GROUP, client.name)
    except ImportError as error:
        raise Missing(
            f"{client.name} needs {error.name or known.distribution}: {install(client.name)}"
        ) from error


def beneath(client: ClientId) -> str | None:
    """The distribution that the client's driver stands on, where that is not the standard library alone."""
    mode = entry(client.name).mode
    if mode == "greenlets":
        return "gevent"
    return "uvloop" if mode == "tasks" and choice(client, "loop") == "uvloop" else None


def version(name: str) -> str | None:
    """The version of the client's library; None where that, or what its driver stands on, is not installed."""
    driver = beneath(ClientId(name))
    return None if driver and installed(driver) is None else installed(entry(name).distribution)


def installed(distribution: str) -> str | None:
    """The version of a distribution; None where it is not installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as found

    try:
        return found(distribution)
    except PackageNotFoundError:
        return None


def install(name: str) -> str:
    """The command that installs the client's library."""
    known = entry(name)
    return f'pip install "loadgen[{known.extra}]"' if known.extra else f"pip install {known.distribution}"
