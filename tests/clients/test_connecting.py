"""How long opening a connection took: every client reports it for the stream that opens one, and for no other."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from loadgen.clients import Phase
from loadgen.clients.aiohttp import Aiohttp
from loadgen.model import ClientId, Load, Outcome, Request, Tls
from tests.clients.conditions import CHUNKED, END, LAST, NEVER_REUSES, TOKEN, chunk, says
from tests.clients.measuring import CLIENTS, record_all, rows
from tests.clients.raw import Raw
from tests.clients.test_same_request import Encrypted
from tests.lab.cells import cell

HOLD_S = 0.02
ANSWER = {"Why?": says(CHUNKED, chunk(TOKEN), chunk(END), LAST)}
# TCP includes it with the others
WITH_DNS = ("aiohttp", "httpx-aiohttp", "geventhttpclient", "pycurl", "curl_cffi-async", "floor")
PHASES = ("dns_ns", "connect_ns", "tls_ns")


class Slow(Encrypted):
    """A server that lets the handshake wait once it has begun."""

    def _serve(self, sock: socket.socket, number: int) -> None:
        sock.recv(1, socket.MSG_PEEK)
        self._stopping.wait(HOLD_S)
        super()._serve(sock, number)


@pytest.mark.parametrize(
    ("scheme", "host", "connections"), [("http", "localhost", "reuse"), ("https", "127.0.0.1", "new")]
)
def test_the_stream_that_opens_a_connection_tells_how_long_each_phase_took(
    scheme: str, host: str, connections: str
) -> None:
    with (Raw if scheme == "http" else Slow)(ANSWER) as server:
        made = [
            cell(
                client=client,
                url=f"{scheme}://{host}:{server.port}",
                concurrency=1,
                tls=Tls(verify=False),
                load=Load(requests=2),
                connections=connections,
            )
            for client in CLIENTS
        ]
        recordings = record_all(made)
    for client, (first, second) in zip(CLIENTS, map(rows, recordings), strict=True):
        for row in (first, second):
            assert row.outcome == Outcome.OK, (client, row.error)
            phases = [int(row.table[name]) for name in PHASES]
            if row is second and connections == "reuse" and client.name not in NEVER_REUSES:
                assert phases == [-1] * 3, client
                continue
            dns, connect, tls = phases
            assert (dns >= 0) == (host == "localhost" and client.name in WITH_DNS), client
            assert connect > 0, client
            assert tls >= HOLD_S * 1e9 if scheme == "https" else tls == -1, client
            assert sum(max(ns, 0) for ns in phases) <= row.arrivals[0], client


def test_a_lookup_that_another_stream_does_is_waited_for_by_each() -> None:
    waiting = asyncio.Event()

    class Resolver(AbstractResolver):
        async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
            await waiting.wait()
            return [
                ResolveResult(
                    hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0
                )
            ]

        async def close(self) -> None:
            pass

    async def looked_up(url: str) -> list[set[str]]:
        client = Aiohttp(cell(client=ClientId("aiohttp"), url=url, concurrency=2))
        connector: Any = client._session.connector
        connector._resolver = Resolver()
        found: list[dict[Phase, int]] = [{}, {}]
        request = Request("POST", f"{url}/api", {}, b'{"prompt": "Why?"}')

        async with client._session, asyncio.TaskGroup() as group:
            for phases in found:
                group.create_task(client.stream(request, Mock(phase=phases.__setitem__)))
            # until one waits for the other's lookup
            while not any(connector._throttle_dns_futures.values()):  # noqa: ASYNC110
                await asyncio.sleep(0)
            waiting.set()
        return [set(phases) for phases in found]

    with Raw(ANSWER) as server:
        url = f"http://server.test:{server.port}"
        assert asyncio.run(looked_up(url)) == [{"dns", "connect"}] * 2
