"""URLs whose server speaks something else, or has another path: what is said of them, and what to write."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from loadgen.model import Tls
from loadgen.preflight import address, target
from tests.clients.raw import Raw, Received, Wire
from tests.preflight.test_target import answers, asking, refusal

PEM = Path(__file__).parent.parent / "data" / "tls" / "server.pem"
FRAME = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # the SETTINGS that HTTP/2 begins with


class Speaking(Raw):
    """A server of plain HTTP, or of TLS that offers ``alpn``."""

    def __init__(self, alpn: list[str] | None = None, answer: Callable[[Wire], None] | None = None) -> None:
        super().__init__({})
        self._alpn, self._answer = alpn, answer or answers(200, {"details": {}})

    def handle(self, wire: Wire, received: Received) -> None:
        self._answer(wire)

    def _serve(self, sock: socket.socket, number: int) -> None:
        if self._alpn is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(PEM)
            if self._alpn:
                context.set_alpn_protocols(self._alpn)
            try:
                sock = context.wrap_socket(sock, server_side=True)
            except OSError:
                sock.close()
                return
            if self._alpn == ["h2"]:  # what comes is no preface of HTTP/2
                with suppress(OSError):
                    sock.sendall(FRAME)
                sock.close()
                return
            self._open.add(sock)
        super()._serve(sock, number)


class Http2(Raw):
    """HTTP/2 without TLS: it sends its settings, and closes where what comes is none."""

    def _serve(self, sock: socket.socket, number: int) -> None:
        sock.recv(65536)
        sock.sendall(FRAME)
        sock.close()


@pytest.mark.parametrize("protocol", ["ollama-generate", "openai-chat"])
@pytest.mark.parametrize("alpn", [[], ["http/1.1"], ["h2", "http/1.1"]])
def test_plain_http_to_a_port_of_tls(alpn: list[str], protocol: str) -> None:
    with Speaking(alpn) as server:
        said = refusal(asking(server.url, protocol=protocol, connect=5.0))
    assert f"speaks TLS there, not plain HTTP: write https://127.0.0.1:{server.port}" in said


def test_tls_to_a_port_of_plain_http() -> None:
    with Speaking() as server:
        said = refusal(asking(server.url.replace("http", "https")))
    assert f"speaks plain HTTP there, not TLS: write {server.url}" in said


@pytest.mark.parametrize("server", [Http2({}), Speaking(["h2"])], ids=["plain", "TLS"])
def test_http_2_only(server: Raw) -> None:
    with server:
        url = server.url.replace("http", "https") if isinstance(server, Speaking) else server.url
        assert "HTTP/2 only" in refusal(asking(url, connect=5.0, tls=Tls(verify=False)))


@pytest.mark.parametrize(
    "server", [Speaking(), Speaking(["http/1.1"]), Speaking([])], ids=["plain", "TLS", "no ALPN"]
)
def test_a_server_without_the_http_2_that_is_asked_for(server: Speaking) -> None:
    with server:
        url = server.url if server._alpn is None else server.url.replace("http", "https")
        said = refusal(asking(url, connect=5.0, tls=Tls(verify=False), http="2"))
        assert said.endswith("write http: 1.1")


@pytest.mark.parametrize("server", [Http2({}), Speaking(["h2"])], ids=["plain", "TLS"])
def test_a_server_of_http_2_only_that_is_measured_so(server: Raw) -> None:
    with server:
        url = server.url.replace("http", "https") if isinstance(server, Speaking) else server.url
        target.check(asking(url, connect=5.0, tls=Tls(verify=False), http="2"))


def test_a_certificate_that_nobody_trusts_has_two_ways_on() -> None:
    with Speaking([]) as server:
        url = server.url.replace("http", "https")
        said = refusal(asking(url, connect=5.0))
        assert "target.tls: {ca: FILE}" in said
        for tls in (Tls(verify=False), Tls(ca=str(PEM.with_name("ca.pem")))):
            target.check(asking(url, connect=5.0, tls=tls))


@pytest.mark.parametrize("text", [
    "Client sent an HTTP request to an HTTPS server.", "The plain HTTP request was sent to HTTPS port",
])  # fmt: skip
def test_a_refusal_that_names_https(text: str) -> None:
    with pytest.raises(target.TargetError, match=r"write https://127.0.0.1:1"):
        target.check_status(asking("http://127.0.0.1:1"), 400, text)


@pytest.mark.parametrize(
    ("url", "protocol", "base"),
    [
        ("http://h:1/v1/v1", "openai-chat", "http://h:1/v1"),
        ("http://h:1/v1/chat/completions", "openai-chat", "http://h:1"),
        ("http://h:1/base/v1/chat/completions/", "openai-chat", "http://h:1/base"),
        ("http://h:1/v1/chat", "openai-chat", "http://h:1"),
        ("http://u:p@h:1/chat/completions", "openai-chat", "http://h:1"),
        ("http://h:1/api", "ollama-chat", "http://h:1"),
        ("http://h:1/api/generate", "ollama-chat", "http://h:1"),
        ("http://h:1/v1", "ollama-generate", "http://h:1"),
        ("http://h:1/v1", "openai-chat", None),
        ("http://h:1/base", "ollama-generate", None),
        ("http://h:1", "openai-chat", None),
    ],
)
def test_a_path_that_is_there_twice(url: str, protocol: str, base: str | None) -> None:
    with pytest.raises(target.TargetError) as raised:
        target.check_status(asking(url, protocol=protocol), 404, "not found")
    assert (f"write {base}, or" in str(raised.value)) if base else "write" not in str(raised.value)


def test_of_a_server_that_is_as_its_url_says_nothing_is_said() -> None:
    with Speaking() as server:
        assert address.spoken(server.url) == ""
