"""``limits: default`` and ``read_bufsize``: what a library does where nothing is lifted, seen at its own pool."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from loadgen import clients
from loadgen.model import ClientId
from tests.lab.cells import cell

pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed", "ignore:Unclosed", "ignore::pytest.PytestUnraisableExceptionWarning"
)

# The limit of connections, and the seconds that a stream waits for one; None: none.
DEFAULTS: dict[str, tuple[int, float | None]] = {
    "httpx-sync": (100, 5.0),
    "httpx-async": (100, 5.0),
    "httpx2-async": (100, 5.0),
    "httpx-aiohttp": (100, 5.0),
    "aiohttp": (100, None),
    "ollama-async": (100, None),
    "openai-async": (1000, 600.0),
    "openai-aiohttp": (1000, 600.0),
    "anthropic-sync": (1000, 600.0),
}


def made(client: ClientId) -> Any:
    kind: Any = clients.load(client)
    protocol = (kind.INFO.protocols or ("ollama-generate",))[0]
    return kind(cell(client=client, url="http://127.0.0.1:1", protocol=protocol))


def pool(client: Any) -> tuple[int | None, float | None]:
    """Return the limit of a client's pool, and how long it lets a stream wait."""
    if hasattr(client, "_session"):
        return client._session.connector.limit, client._session.timeout.connect
    http = getattr(client, "_shared", None) or getattr(client, "_client", None)
    if http is None:
        sdk = client._send.__self__
        http = sdk._client if hasattr(sdk._client, "_transport") else sdk._client._client
    transport = http._transport
    if hasattr(transport, "client"):
        return transport.client.connector.limit, http.timeout.pool
    return transport._pool._max_connections, http.timeout.pool


@pytest.mark.parametrize("name", DEFAULTS)
def test_limits_are_lifted_or_the_librarys_own(name: str) -> None:
    async def both() -> list[tuple[int | None, float | None]]:
        return [pool(made(ClientId(name, options))) for options in ({}, {"limits": "default"})]

    lifted, default = asyncio.run(both())
    assert default == DEFAULTS[name]
    assert (lifted[0] or 10**9) > 10**6  # httpcore's number for none
    assert lifted[1] is None


def test_the_buffer_of_aiohttp_is_of_the_size_that_the_scenario_names() -> None:
    async def size() -> int:
        return int(made(ClientId("aiohttp", {"read_bufsize": "4MiB"}))._session._read_bufsize)

    assert asyncio.run(size()) == 4 << 20
