"""Getting a connection, keeping it, and what the environment must not change."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from loadgen.model import ClientId, Load, Outcome, Timeouts
from tests.clients.conditions import CHUNKED, END, LAST, ON_H11, TOKEN, chunk, length, says, says_and_closes
from tests.clients.measuring import CLIENTS, LABELS, record, rows
from tests.clients.raw import Raw, Received
from tests.lab.cells import cell

every_client = pytest.mark.parametrize("client", CLIENTS, ids=LABELS)
ANSWER = (CHUNKED, chunk(TOKEN), chunk(END), LAST)


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


@every_client
def test_nobody_answers_the_connect(client: ClientId) -> None:
    with deaf() as url:
        recording = record(
            cell(client=client, url=url, timeouts=Timeouts(connect=0.2, first_token=5, idle=5, total=5))
        )
    for row in rows(recording):
        assert row.outcome == Outcome.CONNECT_TIMEOUT, row.error
        # uvloop's timers may fire a millisecond early
        assert 0.199e9 <= row.table["end"] - row.table["start"] < 10e9


@every_client
def test_the_total_timeout_may_be_the_shortest(client: ClientId) -> None:
    with Raw({"Why?": lambda wire: wire.hold()}) as server:
        recording = record(
            cell(
                client=client, url=server.url, timeouts=Timeouts(connect=5, first_token=5, idle=5, total=0.25)
            )
        )
    assert [row.outcome for row in rows(recording)] == [Outcome.TOTAL_TIMEOUT] * 2


@every_client
def test_nobody_listens(client: ClientId) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    recording = record(cell(client=client, url=f"http://127.0.0.1:{port}", load=Load(requests=2)))
    found = rows(recording)
    assert [row.outcome for row in found] == [Outcome.REFUSED] * 4
    assert all(row.error and row.status == -1 for row in found)


@every_client
def test_a_name_without_address(client: ClientId) -> None:
    recording = record(cell(client=client, url="http://nowhere.invalid:80", concurrency=1))
    (row,) = rows(recording)
    assert row.outcome == Outcome.UNRESOLVED, row.error


class Plain(NamedTuple):
    outcomes: list[Outcome]
    requests: list[Received]
    connections: int


@cache
def plain(label: str) -> Plain:
    """Five streams on each of three slots, amid proxies and passwords; the server sets cookies."""
    cookie = b"Set-Cookie: sticky=1; Path=/\r\n"
    handlers = {
        "chunked": says(CHUNKED.replace(b"Transfer-", cookie + b"Transfer-"), chunk(TOKEN), chunk(END), LAST),
        "length": says(length(len(TOKEN + END), more=cookie), TOKEN, END),
    }
    with (
        pytest.MonkeyPatch.context() as environment,
        tempfile.TemporaryDirectory() as home,
        Raw(handlers) as server,
    ):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
            environment.setenv(name, "http://127.0.0.1:1")
        for name in ("no_proxy", "NO_PROXY"):
            environment.delenv(name, raising=False)
        netrc = Path(home, ".netrc")
        netrc.write_text("machine 127.0.0.1 login me password secret\n")
        netrc.chmod(0o600)
        environment.setenv("HOME", home)
        environment.setenv("NETRC", str(netrc))
        recording = record(
            cell(
                client=CLIENTS[LABELS.index(label)],
                url=server.url,
                concurrency=3,
                prompts=("chunked", "length"),
                headers={"X-Own": "1", "Accept": "*/*"},
                load=Load(requests=5),
            )
        )
        return Plain([row.outcome for row in rows(recording)], list(server.requests), server.connections)


every_label = pytest.mark.parametrize("label", LABELS)


@every_label
def test_a_slot_keeps_its_connection(label: str) -> None:
    found = plain(label)
    assert found.outcomes == [Outcome.OK] * 15
    assert len(found.requests) == 15
    assert found.connections <= 3


@every_label
def test_cookies_are_not_kept(label: str) -> None:
    assert all("cookie" not in request.headers for request in plain(label).requests)


@every_label
def test_proxies_and_netrc_are_ignored(label: str) -> None:
    found = plain(label)
    assert len(found.requests) == 15  # past every proxy
    assert all("authorization" not in request.headers for request in found.requests)


@every_label
def test_headers_of_the_scenario_are_sent_and_win(label: str) -> None:
    for request in plain(label).requests:
        assert (request.headers["x-own"], request.headers["accept"]) == ("1", "*/*")


@every_client
def test_a_stream_starts_clean_whatever_was_before_it(client: ClientId) -> None:
    handlers = {
        "good": says(*ANSWER),
        "busy": says(length(4, b"503 Busy"), b"busy"),
        "broken": says(CHUNKED + chunk(TOKEN) + chunk(b"}\n") + LAST),
        "closed": says_and_closes(*ANSWER),
    }
    with Raw(handlers) as server:
        prompts = ("busy", "good", "broken", "good", "good", "closed")
        recording = record(
            cell(
                client=client,
                url=server.url,
                concurrency=1,
                prompts=prompts,
                load=Load(requests=len(prompts)),
            )
        )
        bad = {"busy": Outcome.HTTP_STATUS, "broken": Outcome.UNDECODABLE}
        assert [row.outcome for row in rows(recording)] == [bad.get(prompt, Outcome.OK) for prompt in prompts]
        used = [request.connection for request in server.requests]
    assert used[0] == used[1]  # what was refused is read to its end
    assert used[3] == used[4] == used[5]


# What stands on h11 gives such bytes to the request that comes next.
@pytest.mark.parametrize(
    "client",
    [client for client in CLIENTS if not client.name.startswith(ON_H11)],
    ids=[label for label in LABELS if not label.startswith(ON_H11)],
)
def test_bytes_after_an_answer_are_no_answer(client: ClientId) -> None:
    extra = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(TOKEN * 9), TOKEN * 9)
    with Raw({"Why?": says(*ANSWER, extra)}) as server:
        recording = record(cell(client=client, url=server.url, concurrency=1, load=Load(requests=3)))
    for row in rows(recording):
        assert (row.outcome, row.tokens) == (Outcome.OK, 1), row.error
