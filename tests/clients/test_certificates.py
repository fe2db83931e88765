"""Certificates that do not verify, and those of clients: every client fails in the same words, or is let in."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from loadgen.model import ClientId, Outcome, Tls
from loadgen.preflight import target
from tests.clients.conditions import CHUNKED, END, LAST, TOKEN, chunk, says
from tests.clients.measuring import Row, record_all, rows, share
from tests.clients.raw import Raw, Received, Wire
from tests.lab.cells import cell

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


class Tlsed(Raw):
    """A server of TLS, by a certificate and who signed it."""

    def __init__(self, cert: trustme.LeafCert, clients: trustme.CA | None = None) -> None:
        super().__init__({})
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cert.configure_cert(self._context)
        if clients:
            clients.configure_trust(self._context)
            self._context.verify_mode = ssl.CERT_REQUIRED
        self.url = self.url.replace("http", "https")

    def handle(self, wire: Wire, received: Received) -> None:
        says(CHUNKED, chunk(TOKEN), chunk(END), LAST)(wire)

    def _serve(self, sock: socket.socket, number: int) -> None:
        wrapped = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self._open.add(wrapped)
        try:
            wrapped.do_handshake()
        except OSError:
            with suppress(OSError):
                # A reset would overtake the alert.
                socket.socket.shutdown(wrapped, socket.SHUT_WR)
                while socket.socket.recv(wrapped, 65536):
                    pass
            wrapped.close()
            return
        super()._serve(wrapped, number)


@contextmanager
def measured(server: Tlsed, tls: Tls, clients: list[ClientId]) -> Iterator[list[tuple[ClientId, Row]]]:
    cells = [cell(client=client, url=server.url, tls=tls, concurrency=1) for client in clients]
    with server:
        yield [
            (client, row)
            for client, recording in zip(clients, record_all(cells), strict=True)
            for row in rows(recording)
        ]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, str]:
    made, file = trustme.CA(), tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(str(file))
    return made, str(file)


BAD = {
    "expired": (
        {"not_after": YESTERDAY, "not_before": YESTERDAY - timedelta(days=9)},
        "127.0.0.1",
        "expired",
    ),
    "host": ({}, "elsewhere.example", "target.url needs a name that is in it"),
    "issuer": ({}, "127.0.0.1", "target.tls: {ca: FILE} names whom to trust"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_certificate_that_does_not_verify(authority: tuple[trustme.CA, str], bad: str) -> None:
    named, host, says = BAD[bad]
    known, file = authority
    signer = trustme.CA() if bad == "issuer" else known
    server = Tlsed(signer.issue_cert(host, **named))
    # One case for all clients: a library says each by the same way.
    clients = share(0, 1) if bad == "expired" else share(0, 7)
    with measured(server, Tls(ca=file), clients) as found:
        for client, row in found:
            assert row.outcome == Outcome.FAILED, client
            assert "the server's certificate is not trusted: " in row.error, (client, row.error)
            assert says in row.error, (client, row.error)
            assert "verify: false" in row.error, (client, row.error)
        with pytest.raises(target.TargetError) as raised:
            target.check(cell(url=server.url, tls=Tls(ca=file)))
        assert says in str(raised.value)
        assert f"it is of {host}, by trustme" in str(raised.value)
        target.check(cell(url=server.url, tls=Tls(verify=False)))


def test_a_server_that_asks_for_a_clients_certificate(
    authority: tuple[trustme.CA, str], tmp_path: Path
) -> None:
    known, file = authority
    own, (one, other) = known.issue_cert("me@example.org"), (tmp_path / "own.pem", tmp_path / "key.pem")
    own.private_key_and_cert_chain_pem.write_to_path(str(one))
    own.private_key_pem.write_to_path(str(other))
    with ExitStack() as stack:
        server = Tlsed(known.issue_cert("127.0.0.1"), known)
        clients = share(0, 1)
        found = stack.enter_context(measured(server, Tls(ca=file, cert=str(one)), clients))
        assert {row.outcome for _, row in found} == {Outcome.OK}, [(c, r.error) for c, r in found if r.error]
        target.check(cell(url=server.url, tls=Tls(verify=False, cert=str(one), key=str(other))))
        with pytest.raises(target.TargetError, match=r"asks for a client certificate .*cert: FILE"):
            target.check(cell(url=server.url, tls=Tls(ca=file)))
    with measured(Tlsed(known.issue_cert("127.0.0.1"), known), Tls(ca=file), share(1, 3)) as found:
        for client, row in found:
            assert row.outcome == Outcome.FAILED, (client, row.outcome, row.error)
            assert "asks for a client certificate" in row.error, (client, row.error)
