"""Which version of HTTP a client speaks, and on how many connections; counted at the server's end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from loadgen.clients import info
from loadgen.model import Cell, ClientId, Load, Outcome, Simulator, Tls
from loadgen.simulator.process import Process
from tests.clients.conditions import CHUNKED, END, LAST, TOKEN, chunk, says
from tests.clients.measuring import Row, record, record_all, rows, share
from tests.clients.raw import Raw
from tests.clients.relay import Relay
from tests.lab.cells import cell

PARTS = 2
SLOTS, EACH = 3, 2
SHARING = {
    "httpx-sync",
    "httpx-async",
    "httpx2-sync",
    "httpx2-async",
    "ollama-sync",
    "ollama-async",
}  # a connection


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "tls"])
def server(request: pytest.FixtureRequest) -> Iterator[Process]:
    with Process(Simulator(ttft=0.05, gap=0.01, tokens=3, tls=request.param)) as process:
        yield process


def through(relay: Relay, server: Process, client: ClientId, **workload: str) -> Cell:
    return cell(
        client=client,
        url=f"{urlsplit(server.url).scheme}://127.0.0.1:{relay.port}",
        tls=Tls(ca=server.ca),
        concurrency=SLOTS,
        load=Load(requests=EACH),
        **workload,
    )


def measured(
    server: Process, clients: list[ClientId], **workload: str
) -> Iterator[tuple[ClientId, int, list[Row]]]:
    """Yield each client with its connections and streams."""
    port = urlsplit(server.url).port
    assert port is not None
    with ExitStack() as stack:
        relays = [stack.enter_context(Relay(port)) for _ in clients]
        cells = [
            through(relay, server, client, **workload) for relay, client in zip(relays, clients, strict=True)
        ]
        found = [rows(recording) for recording in record_all(cells)]
        for client, relay, streams in zip(clients, relays, found, strict=True):
            yield client, relay.connections, streams


@pytest.mark.parametrize("part", range(PARTS))
def test_each_stream_has_a_new_connection(server: Process, part: int) -> None:
    """Over plain TCP with HTTP/1.1, over TLS with the highest version that the client has."""
    clients = share(part, PARTS)
    for http in ("1.1", "2"):
        held = [each for each in clients if http == (max(info(each.name).http) if server.ca else "1.1")]
        for client, connections, streams in measured(server, held, http=http, connections="new"):
            seen = {(row.outcome, row.table["http"]) for row in streams}
            assert seen == {(Outcome.OK, http)}, (client, [row.error for row in streams])
            assert connections == len({row.table["port"] for row in streams}) == SLOTS * EACH, client


def test_streams_of_http2_share_a_connection_or_have_one_for_each_slot(server: Process) -> None:
    clients = [client for client in share(0, 1) if "2" in info(client.name).http]
    for client, connections, streams in measured(server, clients, http="2"):
        seen = {(row.outcome, row.table["http"]) for row in streams}
        assert seen == {(Outcome.OK, "2")}, (client, [row.error for row in streams])
        assert connections == len({row.table["port"] for row in streams}), client
        assert connections == (1 if client.name in SHARING and not client.options else SLOTS), client


def test_a_stream_on_another_version_has_failed() -> None:
    """A server that takes no notice of the preface of HTTP/2."""
    answer = says(CHUNKED, chunk(TOKEN), chunk(END), LAST)
    with Raw({"Why?": answer}) as raw:
        (row,) = rows(record(cell(client=ClientId("aiohttp"), url=raw.url, concurrency=1, http="2")))
    assert row.outcome == Outcome.FAILED
    assert row.error == "the connection speaks HTTP/1.1, not HTTP/2 as the scenario asks"
    assert row.table["http"] == "1.1"


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_a_client_that_is_held_to_http_1_does_not_import_http_2(library: str) -> None:
    code = f"""
import sys, httpx, httpx2
from loadgen.clients.httpx import settings
from tests.lab.cells import cell
{library}.Client(**settings({library}, cell(http=sys.argv[1]), "threads"))
print(bool(sys.modules.get("h2")))
"""
    for http, imported in (("1.1", "False"), ("2", "True")):
        done = subprocess.run([sys.executable, "-c", code, http], check=True, capture_output=True, text=True)
        assert done.stdout.strip() == imported
