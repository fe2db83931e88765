"""The HTTP libraries under test, one small file each; see :mod:`loadgen.clients.interface`.

Nothing here imports a library.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from loadgen import registry
from loadgen.clients.interface import (
    LINES,
    SIZES,
    AsyncClient,
    Client,
    Failures,
    Info,
    InvalidClient,
    Missing,
    Sink,
    Size,
    SyncClient,
    Values,
    check,
    size,
)
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

# The options that every client of a mode has, since its driver takes them.
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
    """Return what is known of a client without its library.

    Raises LookupError for an unknown name, InvalidClient for what is no client, and ImportError for an outsider's
    module that imports a missing library by itself.
    """
    return _client(name).INFO


def load(client: ClientId) -> Client:
    """Return the client's class, its library imported. Raises as :func:`info`, and Missing for a missing library."""
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


def descriptors(client: ClientId) -> int:
    """Return how many open files each stream of a client takes."""
    return info(client.name).descriptors


def runtime_dependency(client: ClientId) -> str | None:
    """Return the distribution that the client's driver needs beside the standard library, if any."""
    mode = info(client.name).mode
    if mode == "greenlets":
        return "gevent"
    return "uvloop" if mode == "tasks" and choice(client, "loop") == "uvloop" else None


def version(name: str) -> str | None:
    """Return the version of a client's library; None where that, or what its driver needs, is not installed."""
    driver = runtime_dependency(ClientId(name))
    return None if driver and installed(driver) is None else installed(info(name).distribution)


def installed(distribution: str) -> str | None:
    """Return the version of a distribution; None where it is not installed."""
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


__all__ = [
    "BUILTIN",
    "LINES",
    "SIZES",
    "AsyncClient",
    "Failures",
    "Info",
    "InvalidClient",
    "Missing",
    "Sink",
    "Size",
    "SyncClient",
    "Values",
    "choice",
    "descriptors",
    "info",
    "install",
    "installed",
    "load",
    "names",
    "options",
    "runtime_dependency",
    "size",
    "version",
]
