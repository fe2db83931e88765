"""The clients: a file for each HTTP library, with a class that has ``INFO``, ``failures`` and ``stream``.

A client sends a request and reports the response to a :class:`Sink` as it arrives: no clock, no parsing, no ``except``.
The library is imported in ``__init__``, so that ``INFO`` can be read without it: a process that measures one library
must never import another.
"""

import inspect
import mmap
import platform
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar, Literal, Protocol, get_args

from loadgen import registry
from loadgen.model import Cell, ClientId, Mode, Outcome, Request


class InvalidClient(Exception):
    """A client that does not fit the interface; the message says what is missing."""


class Missing(ImportError):
    """A client whose library is not installed; the message has the command that installs it."""


class Undelivered(Exception):
    """The library has raised the cause for ``read``, bytes of the body that it has not delivered."""

    def __init__(self, read: bytes) -> None:
        super().__init__(read)
        self.read = read


class NotSent(Exception):
    """The library does not accept the request, and has sent nothing."""


# (exception type, text in its message, outcome); the first match with an error or one of its causes counts.
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

# The option of clients whose library has a line iterator: read bytes, or the library's lines.
LINES: Mapping[str, Values] = {"lines": ("bytes", "native")}
# The option of clients whose library limits the connections of its pool: none, or the library's own limits.
LIMITS: Mapping[str, Values] = {"limits": ("lifted", "default")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What is known of a client before its library is imported. Raises InvalidClient for an unknown mode."""

    name: str
    mode: Mode  # which driver runs it
    distribution: str  # on PyPI; its version is the client's. Empty: the standard library
    options: Mapping[str, Values] = field(default_factory=dict)  # in addition to the driver's
    protocols: tuple[str, ...] = ()  # supported ones; empty: any
    http: tuple[str, ...] = ("1.1",)  # the versions that it can be held to, over TLS and without
    http_note: str = "its library speaks no other"  # why it cannot be held to another one
    connections: tuple[str, ...] = ("reuse", "new")  # what it can do with them
    descriptors: int = 1  # open files per stream
    extra: str = ""  # of loadgen, which installs the library
    alone: bool = False  # its packages change other clients, or are many: it has an environment of its own
    modules: tuple[str, ...] = ()  # imported before a client is made; empty: the distribution's name

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise InvalidClient(f"{self.name}: mode is {self.mode!r}, not one of {', '.join(get_args(Mode))}")


def no_headers(name: str) -> str | None:  # noqa: ARG001
    """Return the value of a header, where a client reports none."""
    return None


Phase = Literal["dns", "connect", "tls"]  # of opening a connection: name lookup, TCP, the handshake of TLS


class Sink(Protocol):
    """What a client reports one stream to. A client must not catch what its methods raise,
    and must not use a connection again whose body it has not read to the end."""

    def connected(self, sock: socket.socket, /) -> object:
        """Take the socket, as early as the library gives access to it. Optional: by it the engine knows when the
        request was sent, and ends the stream on a thread; not where other streams are on that connection."""

    def headers(self, status: int, header: Callable[[str], str | None] = ..., /) -> object:
        """Take the status, when the headers have arrived, and what returns the value of one, named in any case."""

    def data(self, data: bytes, /) -> object:
        """Take the bytes of one read of the body."""

    def phase(self, phase: Phase, ns: int, /) -> object:
        """Take how long a phase lasted in which the stream's own connection was opened; of no other stream. Where a
        library does not tell a phase from the next one, the next includes it."""

    def connection(self, *, http: str = "", port: int | None = None, sent_ns: int | None = None) -> object:
        """Take what else is known of the connection, before the headers, in one call or several: the version of HTTP
        that it speaks, such as ``"1.1"`` or ``"2"``, and, where ``connected`` gets no socket, its own port and how
        long after the call of ``stream`` the request was sent, at least."""


class _Client(Protocol):
    """A class that is made once per engine. ``failures`` maps the library's exceptions to outcomes."""

    INFO: ClassVar[Info]

    def __init__(self, cell: Cell) -> None: ...

    @property
    def failures(self) -> Failures: ...


class SyncClient(_Client, Protocol):
    """Run on threads or greenlets: ``stream`` is called from many at once.

    The library enforces the timeouts up to the headers (``connect``, ``first_token``); after them the engine does, by
    shutting down the socket reported by ``connected``. Without it, a stream outlasts its idle and total timeouts.
    """

    def stream(self, request: Request, sink: Sink) -> None:
        """Send ``request`` and return when the body has ended. Raises the library's own exceptions."""
        ...


class AsyncClient(_Client, Protocol):
    """Run as tasks of one event loop, in which it is made.

    The library enforces the connect timeout; the engine enforces the others, by cancelling the task.
    """

    async def stream(self, request: Request, sink: Sink) -> None:
        """Send ``request`` and return when the body has ended. Raises the library's own exceptions."""
        ...


Client = type[SyncClient] | type[AsyncClient]


GROUP = "loadgen.clients"

BUILTIN: Mapping[str, str] = {
    "requests": "loadgen.clients.requests:Requests",
    "httpx-sync": "loadgen.clients.httpx:HttpxSync",
    "httpx-async": "loadgen.clients.httpx:HttpxAsync",
    "aiohttp": "loadgen.clients.aiohttp:Aiohttp",
    "httpx-aiohttp": "loadgen.clients.httpx_aiohttp:HttpxAiohttp",
    "httpx2-sync": "loadgen.clients.httpx2:Httpx2Sync",
    "httpx2-async": "loadgen.clients.httpx2:Httpx2Async",
    "urllib3": "loadgen.clients.urllib3:Urllib3",
    "urllib": "loadgen.clients.urllib:Urllib",
    "pycurl": "loadgen.clients.pycurl:Pycurl",
    "curl_cffi-async": "loadgen.clients.curl_cffi_async:CurlCffiAsync",
    "ollama-sync": "loadgen.clients.ollama:OllamaSync",
    "ollama-async": "loadgen.clients.ollama:OllamaAsync",
    "openai-sync": "loadgen.clients.openai:OpenaiSync",
    "openai-async": "loadgen.clients.openai:OpenaiAsync",
    "openai-aiohttp": "loadgen.clients.openai:OpenaiAiohttp",
    "anthropic-sync": "loadgen.clients.anthropic:AnthropicSync",
    "anthropic-async": "loadgen.clients.anthropic:AnthropicAsync",
    "litellm-sync": "loadgen.clients.litellm:LitellmSync",
    "litellm-async": "loadgen.clients.litellm:LitellmAsync",
    "langchain-ollama-sync": "loadgen.clients.langchain_ollama:LangchainOllamaSync",
    "langchain-ollama-async": "loadgen.clients.langchain_ollama:LangchainOllamaAsync",
    "langchain-openai-sync": "loadgen.clients.langchain_openai:LangchainOpenaiSync",
    "langchain-openai-async": "loadgen.clients.langchain_openai:LangchainOpenaiAsync",
    "niquests": "loadgen.clients.niquests:Niquests",
    "requests-gevent": "loadgen.clients.requests:RequestsGevent",
    "geventhttpclient": "loadgen.clients.geventhttpclient:GeventHttpClient",
    "floor": "loadgen.clients.floor:Floor",
}

# Options of the driver, which every client of that mode has.
DRIVERS: Mapping[Mode, Mapping[str, Values]] = {
    "threads": {"stack": Size(32 << 10, 1 << 30, mmap.PAGESIZE)},
    "tasks": {"loop": ("asyncio", "uvloop")},
    "greenlets": {},
}


def names() -> list[str]:
    """Return every client's name."""
    return registry.names(BUILTIN, GROUP)


def _client(name: str) -> Client:
    """Return the class of a client. Raises as :func:`info`; an InvalidClient's message says what to change."""
    client: Client = registry.load(BUILTIN.get(name), GROUP, name)
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
        known = "no coroutine" if info.mode == "tasks" else "a coroutine"
        right = "'threads' or 'greenlets'" if info.mode == "tasks" else "'tasks'"
        raise InvalidClient(f"{name}: stream is {known}, so INFO.mode must be {right}, not {info.mode!r}")
    return client


def info(name: str) -> Info:
    """Return the ``INFO`` of a client, without importing its library.

    Raises LookupError for an unknown name, InvalidClient for a class that is no client, and ImportError for another
    package's module that itself imports a missing library.
    """
    return _client(name).INFO


def load(client: ClientId) -> Client:
    """Import a client's library and return its class. Raises as :func:`info`, and Missing for a missing library."""
    try:
        found = _client(client.name)
        for module in found.INFO.modules or (found.INFO.distribution,):
            import_module(module)
    except Missing:
        raise
    except ImportError as error:
        command = install(client.name) if client.name in BUILTIN else f"pip install {error.name}"
        raise Missing(f"{client.name} needs {error.name}: {command}") from error
    return found


def options(name: str) -> Mapping[str, Values]:
    """Return the options of a client, its driver's included. Raises as :func:`info`."""
    known = info(name)
    return {**DRIVERS[known.mode], **known.options}


def choice(client: ClientId, option: str) -> Any:
    """Return the value of an option that has a default."""
    values = options(client.name)[option]
    assert not isinstance(values, Size)
    return client.options.get(option, values[0])


def runtime_dependency(client: ClientId) -> str | None:
    """Return the distribution that the client's driver needs, if any."""
    mode = info(client.name).mode
    if mode == "greenlets":
        return "gevent"
    return "uvloop" if mode == "tasks" and choice(client, "loop") == "uvloop" else None


def version(name: str) -> str | None:
    """Return the version of a client's library; None if it, or its driver's dependency, is not installed."""
    driver, library = runtime_dependency(ClientId(name)), info(name).distribution
    if driver and installed(driver) is None:
        return None
    return installed(library) if library else platform.python_version()


def installed(distribution: str) -> str | None:
    """Return the version of a distribution; None if it is not installed."""
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def install(name: str) -> str:
    """Return the command that installs a client's library."""
    known = info(name)
    if known.alone:
        return f"loadgen env {name}"
    return f'pip install "loadgen[{known.extra}]"' if known.extra else f"pip install {known.distribution}"
