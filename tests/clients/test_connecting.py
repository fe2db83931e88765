"""How long opening a connection took: every client reports it for the stream that opens one, and for no other."""

from __future__ import annotations

import socket

import pytest

from loadgen.model import Load, Outcome, Tls
from tests.clients.conditions import CHUNKED, END, LAST, NEVER_REUSES, TOKEN, chunk, says
from tests.clients.measuring import CLIENTS, record_all, rows
from tests.clients.raw import Raw
from tests.clients.test_same_request import Encrypted
from tests.lab.cells import cell

HOLD_S = 0.02
ANSWER = {"Why?": says(CHUNKED, chunk(TOKEN), chunk(END), LAST)}
WITHOUT_TLS = ("floor",)
# TCP includes it with the others
WITH_DNS = ("aiohttp", "httpx-aiohttp", "geventhttpclient", "pycurl", "curl_cffi-async", "floor")
PHASES = ("dns_ns", "connect_ns", "tls_ns")


class Slow(Encrypted):
    """A server that lets the handshake wait once it has begun."""

    def _serve(self, sock: socket.socket, number: int) -> None:
        sock.recv(1, socket.MSG_PEEK)
        self._stopping.wait(HOLD_S)
        super()._serve(sock, number)


@pytest.mark.parametrize(("scheme", "host"), [("http", "localhost"), ("https", "127.0.0.1")])
def test_the_stream_that_opens_a_connection_tells_how_long_each_phase_took(scheme: str, host: str) -> None:
    clients = [client for client in CLIENTS if scheme == "http" or client.name not in WITHOUT_TLS]
    with (Raw if scheme == "http" else Slow)(ANSWER) as server:
        made = [
            cell(
                client=client,
                url=f"{scheme}://{host}:{server.port}",
                concurrency=1,
                tls=Tls(verify=False),
                load=Load(requests=2),
            )
            for client in clients
        ]
        recordings = record_all(made)
    for client, (opened, reused) in zip(clients, map(rows, recordings), strict=True):
        assert (opened.outcome, reused.outcome) == (Outcome.OK,) * 2, (client, opened.error, reused.error)
        dns, connect, tls = (int(opened.table[name]) for name in PHASES)
        assert (dns >= 0) == (host == "localhost" and client.name in WITH_DNS), client
        assert connect > 0, client
        assert tls >= HOLD_S * 1e9 if scheme == "https" else tls == -1, client
        assert sum(max(ns, 0) for ns in (dns, connect, tls)) <= opened.arrivals[0], client
        if client.name not in NEVER_REUSES:
            assert [int(reused.table[name]) for name in PHASES] == [-1] * 3, client
