"""Getting a connection, keeping it, and what the environment must not change."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NewConnectionError

from loadgen.clients.urllib3 import failures
from loadgen.engine.failures import classify
from loadgen.model import Cell, ClientId, Load, Outcome, Timeouts
from tests.clients.conditions import (
    CHUNKED,
    END,
    LAST,
    NEVER_REUSES,
    ON_H11,
    TOKEN,
    chunk,
    length,
    library,
    says,
    says_and_closes,
)
from tests.clients.measuring import record_each, rows, share
from tests.clients.raw import Raw
from tests.lab.cells import cell
from tests.outsiders import install

PARTS = 2
parts = pytest.mark.parametrize("part", range(PARTS))

# -- one connection after another, and none

# Sends each stream to the address before its prompt.
ELSEWHERE = """
from dataclasses import replace
from loadgen.model import Prompt
from loadgen.protocols.ollama import Generate

class Elsewhere(Generate):
    def request(self, cell, prompt):
        url, _, prompt = prompt.text.partition(" ")
        return super().request(replace(cell, url=url), Prompt(prompt))
"""
ANSWER = (CHUNKED, chunk(TOKEN), chunk(END), LAST)
EXTRA = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(TOKEN * 9), TOKEN * 9)
HANDLERS = {
    "good": says(*ANSWER),
    "busy": says(length(4, b"503 Busy"), b"busy"),
    "broken": says(CHUNKED + chunk(TOKEN) + chunk(b"}\n") + LAST),
    "closed": says_and_closes(*ANSWER),
    "more": says(*ANSWER, EXTRA),
    "silent": lambda wire: wire.hold(),
}
BAD = {
    "busy": Outcome.HTTP_STATUS,
    "broken": Outcome.UNDECODABLE,
    "silent": Outcome.TOTAL_TIMEOUT,  # which is the shortest here
    "deaf": Outcome.CONNECT_TIMEOUT,
    "refused": Outcome.REFUSED,
    "nowhere": Outcome.UNRESOLVED,
}
UNREACHABLE = ("deaf", "refused", "refused", "nowhere")
TIMEOUTS = Timeouts(connect=1, first_token=5, idle=5, total=1.5)


@contextmanager
def deaf() -> Iterator[str]:
    """A port whose listen queue is full, so that the kernel drops what wants to connect."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(16):
            sock = stack.enter_context(socket.socket())
            sock.settimeout(0.2)
            try:
                sock.connect(listener.getsockname())
            except TimeoutError:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
                return
        pytest.skip("this kernel lets a full listen queue be joined")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    install(tmp_path, monkeypatch, "elsewhere", ELSEWHERE, protocols={"elsewhere": "Elsewhere"})
    return "elsewhere"


@parts
def test_a_stream_starts_clean_whatever_was_before_it(part: int, elsewhere: str) -> None:
    clients = share(part, PARTS)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with ExitStack() as stack:
        urls = {
            "deaf": stack.enter_context(deaf()),
            "refused": f"http://127.0.0.1:{port}",
            "nowhere": "http://nowhere.invalid:80",
        }
        servers = {client.label: stack.enter_context(Raw(HANDLERS)) for client in clients}
        jobs = [
            (made, kinds)
            for client in clients
            for made, kinds in sequences(client, servers[client.label].url, urls, elsewhere)
        ]
        recordings = record_each([made for made, _ in jobs])
    wrong = []
    for (made, kinds), recording in zip(jobs, recordings, strict=True):
        found = rows(recording)
        outcomes = [row.outcome for row in found]
        if outcomes != [BAD.get(kind, Outcome.OK) for kind in kinds]:
            wrong.append(f"{made.client.label}: {[(row.outcome, row.error) for row in found]}")
        for kind, row in zip(kinds, found, strict=False):
            took = (row.table["end"] - row.table["start"]) / 1e9
            if row.tokens != (kind not in BAD or kind == "broken"):
                wrong.append(f"{made.client.label}, {kind}: {row.tokens} tokens")
            if kind in UNREACHABLE and (row.status != -1 or not row.error):
                wrong.append(f"{made.client.label}, {kind}: status {row.status}, error {row.error!r}")
            # uvloop's timers may fire a millisecond early
            if kind == "deaf" and not 0.999 <= took < 10:
                wrong.append(f"{made.client.label}, {kind}: ended after {took} s")
    for label, server in servers.items():
        used = [request.connection for request in server.requests]
        sent = [request.prompt for request in server.requests]
        # A refusal is read to its end.
        kept = used[0] == used[1] and used[4] == used[5] == used[6] and used[-2] == used[-1]
        if label in NEVER_REUSES:
            kept = len({*used}) == len(used)
        if tuple(sent) != sequence(label.split()[0]) or not kept:
            wrong.append(f"{label}: {sent} on connections {used}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="the kernel does not count here")
def test_an_answer_that_was_there_before_its_request_is_named() -> None:
    """What stands on h11 keeps what came after an answer, and gives it to the next stream."""
    clients = [client for client in share(0, 1) if library(client.name) in ON_H11]
    kinds = ("more", "good", "good", "more", "more", "good")
    with ExitStack() as stack:
        servers = [stack.enter_context(Raw(HANDLERS)) for _ in clients]
        cells = [slot(client, server.url, kinds) for client, server in zip(clients, servers, strict=True)]
        recordings = record_each(cells)
    bad = Outcome.UNDECODABLE
    for client, recording in zip(clients, recordings, strict=True):
        found = rows(recording)
        outcomes = [row.outcome for row in found]
        assert outcomes == [Outcome.OK, bad, Outcome.OK, Outcome.OK, bad, Outcome.OK], client
        assert [row.tokens for row in found] == [1, 0, 1, 1, 0, 1], client
        assert all(
            "after the end of the answer before it" in row.error for row in found if row.outcome == bad
        )


def sequences(
    client: ClientId, url: str, urls: Mapping[str, str], elsewhere: str
) -> Iterator[tuple[Cell, tuple[str, ...]]]:
    """Yield cells of one slot, with what each of its streams meets; an SDK knows one address only."""
    kinds = sequence(client.name)
    if not client.name.startswith("ollama"):
        kinds += UNREACHABLE
        prompts = tuple(f"{urls.get(kind, url)} {kind}" for kind in kinds)
        yield slot(client, url, prompts, protocol=elsewhere), kinds
        return
    yield slot(client, url, kinds), kinds
    for kind in sorted({*UNREACHABLE}):
        yield slot(client, urls[kind], ("Why?",)), (kind,)


def slot(client: ClientId, url: str, prompts: tuple[str, ...], **changes: str) -> Cell:
    return cell(
        client=client,
        url=url,
        prompts=prompts,
        concurrency=1,
        load=Load(requests=len(prompts)),
        timeouts=TIMEOUTS,
        **changes,
    )


def sequence(name: str) -> tuple[str, ...]:
    # What stands on h11 gives bytes after an answer to the request that comes next.
    more = () if library(name) in ON_H11 else ("more", "more")
    return ("busy", "good", "broken", "silent", "good", "good", "good", *more, "good", "closed")


# -- the environment


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies that do not answer, and a password for every server."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))


@parts
@pytest.mark.usefixtures("environment")
def test_slots_keep_their_connections_and_nothing_else(part: int) -> None:
    """Five streams on each of three slots, amid proxies and passwords; the server sets cookies."""
    cookie = b"Set-Cookie: sticky=1; Path=/\r\n"
    handlers = {
        "chunked": says(CHUNKED.replace(b"Transfer-", cookie + b"Transfer-"), chunk(TOKEN), chunk(END), LAST),
        "length": says(length(len(TOKEN + END), more=cookie), TOKEN, END),
    }
    clients = share(part, PARTS)
    with ExitStack() as stack:
        servers = [stack.enter_context(Raw(handlers)) for _ in clients]
        recordings = record_each(
            [
                cell(
                    client=client,
                    url=server.url,
                    concurrency=3,
                    prompts=("chunked", "length"),
                    headers={"X-Own": "1", "Accept": "*/*"},
                    load=Load(requests=5),
                )
                for client, server in zip(clients, servers, strict=True)
            ]
        )
    wrong = []
    for client, server, recording in zip(clients, servers, recordings, strict=True):
        outcomes = [row.outcome for row in rows(recording)]
        used = {request.connection for request in server.requests}
        most = 15 if client.name in NEVER_REUSES else 3
        if outcomes != [Outcome.OK] * 15 or len(server.requests) != 15 or len(used) > most:
            wrong.append(f"{client.label}: {outcomes} on {len(used)} connections")
        for headers in [request.headers for request in server.requests]:
            if (headers["x-own"], headers["accept"]) != ("1", "*/*") or {"cookie", "authorization"} & {
                *headers
            }:
                wrong.append(f"{client.label}: {headers}")
    assert not wrong, "\n".join(wrong)


def test_a_network_that_cannot_be_reached_is_no_connect_timeout() -> None:
    error = NewConnectionError(HTTPConnection("far"), "[Errno 101] Network is unreachable")
    assert classify(error, failures()) == Outcome.FAILED
