"""The clients: a file for each HTTP library; see :mod:`loadgen.clients.interface`. Nothing here imports a library."""

import mmap
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from loadgen import registry
from loadgen.clients.interface import LINES as LINES
from loadgen.clients.interface import SIZES as SIZES
from loadgen.clients.interface import AsyncClient as AsyncClient
from loadgen.clients.interface import Client, check
from loadgen.clients.interface import Failures as Failures
from loadgen.clients.interface import Info as Info
from loadgen.clients.interface import InvalidClient as InvalidClient
from loadgen.clients.interface import Missing as Missing
from loadgen.clients.interface import Sink as Sink
from loadgen.clients.interface import Size as Size
from loadgen.clients.interface import SyncClient as SyncClient
from loadgen.clients.interface import Values as Values
from loadgen.clients.interface import size as size
from loadgen.model import ClientId, Mode

GROUP = "loadgen.clients"

BUILTIN: Mapping[str, str] = {
    "requests": "loadgen.clients.requests:Requests",
    "httpx-sync": "loadgen.clients.httpx:HttpxSync",
    "httpx-async": "loadgen.clients.httpx:HttpxAsync",
    "aiohttp": "loadgen.clients.aiohttp:Aiohttp",
    "httpx2-sync": "loadgen.clients.httpx2:Httpx2Sync",
    "httpx2-async": "loadgen.clients.httpx2:Httpx2Async",
    "urllib3": "loadgen.clients.urllib3:Urllib3",
    "pycurl": "loadgen.clients.pycurl:Pycurl",
    "curl_cffi-async": "loadgen.clients.curl_cffi_async:CurlCffiAsync",
    "ollama-sync": "loadgen.clients.ollama:OllamaSync",
    "ollama-async": "loadgen.clients.ollama:OllamaAsync",
    "openai-sync": "loadgen.clients.openai:OpenaiSync",
    "openai-async": "loadgen.clients.openai:OpenaiAsync",
    "niquests": "loadgen.clients.niquests:Niquests",
    "requests-gevent": "loadgen.clients.requests:RequestsGevent",
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
    return check(name, registry.load(BUILTIN.get(name), GROUP, name))


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
    driver = runtime_dependency(ClientId(name))
    return None if driver and installed(driver) is None else installed(info(name).distribution)


def installed(distribution: str) -> str | None:
    """Return the version of a distribution; None if it is not installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as found

    try:
        return found(distribution)
    except PackageNotFoundError:
        return None


def install(name: str) -> str:
    """Return the command that installs a client's library."""
    known = info(name)
    return f'pip install "loadgen[{known.extra}]"' if known.extra else f"pip install {known.distribution}"
