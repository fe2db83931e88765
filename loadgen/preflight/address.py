"""Say what a server speaks that does not speak as its URL says, and what to write instead."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from loadgen.clients import trust
from loadgen.model import Cell

SECONDS = 2.0  # that one try may take
OLD = "HTTP/1.1: write http: 2, with clients that can, or put a proxy before it"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
SETTINGS = b"\x04"  # the type of the frame that any HTTP/2 begins with

Spoken = Literal["http", "https", "http2", ""]


def spoken(url: str) -> str:
    """Return what is wrong with the scheme of ``url``, and what to write; "" where it is not that."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = _try(parts.hostname or "", port)
    if found == "http2":
        return f"the server speaks HTTP/2 only, not {OLD}"
    if found == "http" and parts.scheme == "https":
        return f"the server speaks plain HTTP there, not TLS: write {_base(parts, 'http')}"
    if found == "https" and parts.scheme == "http":
        return f"the server speaks TLS there, not plain HTTP: write {_base(parts, 'https')}"
    return ""


def certificate(url: str) -> str:
    """Return of whom, by whom and until when the server's certificate is; "" where that cannot be read."""
    parts, context = urlsplit(url), _trusting()
    with (
        contextlib.suppress(Exception),  # of what reads it, which Python has for its own tests
        socket.create_connection((parts.hostname or "", parts.port or 443), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=parts.hostname) as wrapped,
        tempfile.NamedTemporaryFile("w", suffix=".pem") as file,
    ):
        file.write(ssl.DER_cert_to_PEM_cert(wrapped.getpeercert(binary_form=True) or b""))
        file.flush()
        read = ssl._ssl._test_decode_cert(file.name)  # type: ignore[attr-defined]
        of, by = (
            ", ".join(f"{value}" for part in read[key] for _, value in part) for key in ("subject", "issuer")
        )
        names = ", ".join(name for _, name in read.get("subjectAltName", ()))
        return f"it is of {names or of}, by {by}, from {read['notBefore']} to {read['notAfter']}"
    return ""


def asked(url: str, cell: Cell) -> str:
    """Return what to write where the server asks for a client certificate, or does not accept the client's own."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return ""
    try:
        with (
            socket.create_connection((parts.hostname or "", parts.port or 443), SECONDS) as plain,
            trust.context(cell).wrap_socket(plain, server_hostname=parts.hostname) as wrapped,
        ):
            wrapped.settimeout(SECONDS)
            wrapped.recv(
                1
            )  # the alert comes after the handshake, and a reset would overtake it where more was sent
    except OSError as error:
        return trust.explained([error])
    return ""


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def lacks_http2(url: str) -> str:
    """Return what to write where the server does not speak HTTP/2; "" where it does, or nobody knows."""
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    if is_tls:
        found = _handshake(host, parts.port or 443, ["h2", "http/1.1"])
        speaks = found in ("h2", None)
    else:
        answer = _answer(host, parts.port or 80, PREFACE)
        speaks = answer is None or answer[3:4] == SETTINGS
    how = "agrees on no HTTP/2 by ALPN" if is_tls else "takes no HTTP/2 with prior knowledge"
    return "" if speaks else f"the server {how}: write http: 1.1"


def speaks_http2_only(url: str) -> bool:
    parts = urlsplit(url)
    return _try(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)) == "http2"


def encrypted(url: str, reason: str) -> str:
    """Return what to write where the reason of a refusal is that the server speaks TLS."""
    parts = urlsplit(url)
    plain = parts.scheme == "http" and "https" in reason.lower()
    return f"; write {_base(parts, 'https')}{parts.path}" if plain else ""


def shorter(url: str, requested: str) -> str:
    """Return what to write where ``url`` has a part of the path that is added to it; "" where it has none."""
    parts = urlsplit(url)
    own = [part for part in parts.path.split("/") if part]
    added = [part for part in urlsplit(requested).path.split("/") if part][len(own) :]
    kept = own
    if added[:1] and added[0] in own:
        kept = own[: own.index(added[0])]
    elif own[-1:] == ["v1"] and added[:1] == ["api"]:  # of OpenAI's API, which Ollama has beside its own
        kept = own[:-1]
    else:
        for number in range(len(own), 0, -1):
            tail = own[-number:]
            there = any(added[at : at + number] == tail for at in range(len(added)))
            if there or own[-2 * number : -number] == tail:
                kept = own[:-number]
                break
    if kept == own:
        return ""
    path = "".join(f"/{part}" for part in kept)
    base = _base(parts, parts.scheme) + path
    return f"; the protocol adds its own path to target.url: write {base}, or the exact one as target.path"


def _base(parts: SplitResult, scheme: str) -> str:
    return f"{scheme}://{parts.netloc.rpartition('@')[2]}"


def _try(host: str, port: int) -> Spoken:
    request = f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    answer = _answer(host, port, request)
    if answer is None:
        return ""
    plain = answer.startswith(b"HTTP/1.")
    if plain and b" 400 " not in answer:  # with which servers of TLS answer plain HTTP
        return "http"
    offered = _handshake(host, port, ["h2", "http/1.1"])
    if offered is not None:
        old = offered != "h2" or _handshake(host, port, ["http/1.1"]) == "http/1.1"
        return "https" if old else "http2"
    if SETTINGS in (of[3:4] for of in (answer, _answer(host, port, PREFACE) or b"")):
        return "http2"
    return "http" if plain else ""


def _handshake(host: str, port: int, protocols: list[str]) -> str | None:
    """Return the protocol that TLS agrees on, "" for none; ``None`` where there is no TLS."""
    context = _trusting()
    context.set_alpn_protocols(protocols)
    with (
        contextlib.suppress(OSError),
        socket.create_connection((host, port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as wrapped,
    ):
        return wrapped.selected_alpn_protocol() or ""
    return None


def _answer(host: str, port: int, request: bytes) -> bytes | None:
    """Return the beginning of the answer; ``None`` where there is no connection."""
    connected = False
    with contextlib.suppress(OSError), socket.create_connection((host, port), SECONDS) as plain:
        connected = True
        plain.sendall(request)
        return plain.recv(64)
    return b"" if connected else None
