"""The same request from every client: method, path, query, headers and body, and whom they trust."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from loadgen.clients import BUILTIN, info, version
from loadgen.clients.trust import VARIABLES
from loadgen.model import Cell, ClientId, Load, Outcome, Tls
from loadgen.preflight.target import TargetError, check
from tests.clients.conditions import CHUNKED, END, LAST, TOKEN, chunk, length, says
from tests.clients.measuring import record_all, rows
from tests.clients.raw import Handler, Raw, Received, Wire
from tests.lab.cells import cell
from tests.protocols import wire

CHAT = b'{"message":{"role":"assistant","content":"Hi"},'
OLLAMA = says(CHUNKED, chunk(CHAT + TOKEN[1:]), chunk(CHAT + END[1:]), LAST)
DELTA = (
    b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
)
COMPLETION = DELTA.replace(b'"delta":{"content":"Hi"}', b'"text":"Hi"')


def events(*parts: bytes) -> Handler:
    """Return an answer of server-sent events."""
    return says(CHUNKED.replace(b"application/x-ndjson", b"text/event-stream"), *map(chunk, parts), LAST)


ANSWERS = {
    "openai-chat": events(DELTA, b"data: [DONE]\n\n"),
    "openai-completions": events(COMPLETION, b"data: [DONE]\n\n"),
    "openai-responses": events(wire.CREATED, wire.R, wire.COMPLETED),
    "anthropic-messages": events(wire.BEGUN, wire.M, wire.stopped()),
}
ODD = "/a%2fb/~me/%7Eyou/v1//c%3A%40%2C;d=1?x=%41&y=a+b&y=&z=%5B1%5D&u=%2B%20%22%c3%a9&api-version=2024-10-21"
SENT = "/a%2Fb/~me/~you/v1//c%3A%40%2C;d=1?x=A&y=a+b&y=&z=%5B1%5D&u=%2B%20%22%C3%A9&api-version=2024-10-21"
# The protocol, the path and query of the target's URL, changes of the cell -> path and query of the requests.
CASES: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "a query, and fields": (
        "ollama-generate",
        "/base/?key=a%20b&k=1",
        {"body": {"think": False, "unknown": [1], "raw": None}},
        "/base/api/generate?key=a%20b&k=1",
    ),
    "exact": ("ollama-generate", "/base?a=1", {"path": ODD}, SENT),
    "exact, query of the URL": ("ollama-chat", "/base?a=1", {"path": "/x"}, "/x?a=1"),
    "openai, a query, and fields": (
        "openai-chat",
        "/proxy/v1?api-version=1",
        {"body": {"stream_options": None, "unknown": {"é": 1}}, "options": {"max_tokens": 3}},
        "/proxy/v1/chat/completions?api-version=1",
    ),
    "completions, unknown fields": (
        "openai-completions",
        "",
        {"body": {"unknown": 1, "suffix": None}, "options": {"best_of": 1}},
        "/v1/completions",
    ),
    "responses, unknown fields": (
        "openai-responses",
        "/v1",
        {"body": {"unknown": 1}},
        "/v1/responses",
    ),
    "messages, unknown fields": (
        "anthropic-messages",
        "/v1?beta=true",
        {"body": {"unknown": {"é": 1}, "max_tokens": None}},
        "/v1/messages?beta=true",
    ),
    "openai, exact, no model": ("openai-chat", "?a=1", {"path": ODD, "body": {"model": None}}, SENT),
}
# What the libraries add, each its own.
OWN = {"user-agent", "connection"}


def clients(protocol: str) -> list[ClientId]:
    """All that are installed and speak the protocol."""
    known = [name for name in BUILTIN if version(name) is not None]
    return [ClientId(name) for name in known if protocol in (info(name).protocols or [protocol])]


def test_every_client_sends_the_same_request() -> None:
    with ExitStack() as stack:
        jobs: list[tuple[str, Cell, Raw]] = []
        for name, (protocol, rest, changes, _) in CASES.items():
            for client in clients(protocol):
                is_sdk = bool(info(client.name).protocols)
                if (
                    protocol not in ("ollama-generate", "openai-chat")
                    and client.name != "floor"
                    and not is_sdk
                ):
                    continue
                server = stack.enter_context(Raw({"Why?": ANSWERS.get(protocol, OLLAMA)}))
                headers = {"Authorization": "Bearer own", "X-Own": "1"}
                made = cell(
                    client=client,
                    url=server.url + rest,
                    protocol=protocol,
                    headers=headers,
                    concurrency=1,
                    load=Load(requests=1),
                    **changes,
                )
                jobs.append((name, made, server))
        recordings = record_all([made for _, made, _ in jobs])
    seen: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
    wrong = []
    for (name, made, server), recording in zip(jobs, recordings, strict=True):
        (row,) = rows(recording)
        if row.outcome != Outcome.OK:
            wrong.append(f"{made.client.label}, {name}: {row.outcome} {row.error}")
        sent = [request_of(each, server) for each in server.requests]
        seen.setdefault(name, {})[made.client.label] = sent
    for name, found in seen.items():
        (reference,) = found["floor"]
        wrong += [
            f"{client}, {name}: {sent} is not {reference}"
            for client, sent in found.items()
            if sent != [reference]
        ]
        if reference[1] != CASES[name][3]:
            wrong.append(f"{name}: {reference[1]}")
    assert not wrong, "\n".join(wrong)


def request_of(received: Received, server: Raw) -> tuple[Any, ...]:
    headers = {name: value for name, value in received.headers.items() if name not in OWN}
    headers["host"] = headers["host"].replace(str(server.port), "PORT")
    return received.method, received.path, sorted(headers.items()), received.body


TLS = Path(__file__).parent.parent / "data" / "tls"  # a certificate for 127.0.0.1, and that of who signed it


class Encrypted(Raw):
    def handle(self, wire: Wire, received: Received) -> None:
        answer = (
            OLLAMA if received.path == "/api/generate" else says(length(2), b"{}")
        )  # to the check before a run
        answer(wire)

    def _serve(self, sock: socket.socket, number: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "server.pem")
        try:
            wrapped = context.wrap_socket(sock, server_side=True)
        except OSError:
            sock.close()
            return
        self._open.add(wrapped)
        super()._serve(wrapped, number)


NAMED = {"tls.ca": Tls(ca=str(TLS / "ca.pem")), "tls.verify": Tls(verify=False)}


@pytest.mark.parametrize("variable", ["", *VARIABLES[:3], *NAMED])
def test_all_clients_trust_the_same_certificates(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    if variable in VARIABLES:
        monkeypatch.setenv(variable, str(TLS / "ca.pem"))
    with Encrypted({}) as server:
        made = [
            cell(
                client=client,
                url=server.url.replace("http", "https"),
                concurrency=1,
                tls=NAMED.get(variable, Tls()),
            )
            for client in clients("ollama-generate")
            if client.name not in ("floor", "requests-gevent", "httpx-async", "httpx2-async", "ollama-async")
        ]
        outcomes = [(rows(recording)[0].outcome, rows(recording)[0].error) for recording in record_all(made)]
        assert is_reached(made[0]) == bool(variable)
    wrong = [
        f"{each.client.label}: {outcome} {error}"
        for each, (outcome, error) in zip(made, outcomes, strict=True)
        if (outcome == Outcome.OK) != bool(variable)
    ]
    assert not wrong, "\n".join(wrong)


def is_reached(cell: Cell) -> bool:
    try:
        check(cell)
    except TargetError:
        return False
    return True
