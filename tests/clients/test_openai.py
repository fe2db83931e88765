"""The OpenAI SDK, which hands over objects and speaks one protocol, against what a server can do to its streams."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import pytest

from loadgen.model import Cell, ClientId, Load, Outcome, Recording
from tests.clients.conditions import (
    BAD,
    CUT,
    IDLE,
    LATE,
    OK,
    RESET,
    SAID,
    STATUS,
    Expected,
    by_timeout,
    length,
    says,
    says_and_closes,
    says_and_holds,
    says_and_resets,
    slowly,
)
from tests.clients.measuring import Recorded, Row, record, record_all, rows
from tests.clients.raw import Raw, Received
from tests.lab.cells import cell

CLIENTS = ("openai-sync", "openai-async", "openai-aiohttp")
LAST = b"0\r\n\r\n"


def event(data: str) -> bytes:
    body = f"data: {data}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(body), body)


def delta(text: str, finish: str = "null") -> bytes:
    choice = f'{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":{finish}}}'
    return event(
        f'{{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{choice}]}}'
    )


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ROLE, TOKEN, STOP, DONE = delta(""), delta("né"), delta("", '"stop"'), event("[DONE]")
USAGE = event('{"id":"1","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}}')
WHOLE = (
    '{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",'
    '"message":{"role":"assistant","content":"né"}}],"usage":{"completion_tokens":3,"prompt_tokens":5}}'
).encode()

CONDITIONS: dict[str, Expected] = {
    "at once": Expected(says(HEAD, ROLE, TOKEN, TOKEN, STOP, USAGE, DONE, LAST), OK, 2),
    "slowly": Expected(slowly(HEAD + ROLE, *[TOKEN] * 9, STOP, USAGE + DONE + LAST), OK, 9),
    "a comment between": Expected(says(HEAD, b"6\r\n: hm\n\n\r\n", TOKEN, STOP, USAGE, DONE, LAST), OK, 1),
    "silence after the end": Expected(says_and_holds(HEAD, TOKEN, STOP, DONE), OK, 1),
    "no end": Expected(says(HEAD, TOKEN, LAST), CUT, 1),
    "closed": Expected(says_and_closes(HEAD, TOKEN), CUT, 1),
    "reset": Expected(says_and_resets(HEAD, TOKEN), RESET, 1),
    "reset without an answer": Expected(says_and_resets(), RESET, status=None),
    "status 429": Expected(says(length(4, b"429 Slow"), b"busy"), STATUS, 0, 429, "busy"),
    "status 503, silence": Expected(
        says_and_holds(length(1000, b"503 Busy"), b"queue full"), STATUS, 0, 503, "queue"
    ),
    "redirect": Expected(
        says(length(5, b"307 Moved", b"Location: /else\r\n"), b"there"), STATUS, 0, 307, "there"
    ),
    "error event": Expected(
        says(HEAD, TOKEN, event('{"error":{"message":"llama fell"}}'), LAST), SAID, 1, 200, "fell"
    ),
    "broken event": Expected(says(HEAD, TOKEN, event('{"choi'), LAST), BAD, 1),
    "bad UTF-8": Expected(says(HEAD, TOKEN, TOKEN.replace(b"\xc3\xa9", b"\xff\xff"), LAST), BAD, 1),
    "silence": Expected(says_and_holds(), LATE, status=None),
    "silence after the headers": Expected(says_and_holds(HEAD), LATE),
    "stall": Expected(says_and_holds(HEAD, TOKEN), IDLE, 1),
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a user of the SDK may have set, and a measurement must not follow."""
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("OPENAI_ORG_ID", "org")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")


@pytest.mark.usefixtures("environment")
def test_conditions() -> None:
    check_conditions(CLIENTS, record_all)


def check_conditions(
    names: Sequence[str], recorded: Callable[[Sequence[Cell]], Sequence[Recording | Recorded]]
) -> None:
    """Conditions that end alike are streams of one cell; a token of "stall" is there before the body has ended."""
    with ExitStack() as stack:
        handlers = {name: condition.handler for name, condition in CONDITIONS.items()}
        servers = {name: stack.enter_context(Raw(handlers)) for name in names}
        cells = [
            cell(
                client=ClientId(name),
                url=server.url,
                protocol="openai-chat",
                concurrency=len(group),
                prompts=tuple(group),
                headers={"Authorization": "Bearer own", "X-Own": "1"},
                timeouts=timeouts,
                load=Load(requests=1),
            )
            for name, server in servers.items()
            for timeouts, group in by_timeout(CONDITIONS)
        ]
        found: dict[str, dict[str, Row]] = {name: {} for name in names}
        for of, recording in zip(cells, recorded(cells), strict=True):
            found[of.client.name] |= {of.workload.prompts[row.slot].text: row for row in rows(recording)}
    for name, server in servers.items():
        check(found[name], server.requests)


def check(found: dict[str, Row], requests: list[Received]) -> None:
    for condition, expected in CONDITIONS.items():
        row = found[condition]
        assert row.outcome == expected.outcome, (condition, row.error)
        assert (row.tokens, expected.error in row.error) == (expected.tokens, True), condition
        assert row.status == (-1 if expected.status is None else expected.status), condition
    assert found["at once"].table["server_tokens"] == 3
    assert sorted(request.prompt for request in requests) == sorted(CONDITIONS)
    for request in requests:
        assert request.path == "/v1/chat/completions"
        assert json.loads(request.body) == {
            "model": "m",
            "messages": [{"role": "user", "content": request.prompt}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        assert request.headers["accept-encoding"] == "identity"
        assert request.headers["accept"] == "text/event-stream"
        assert (request.headers["authorization"], request.headers["x-own"]) == ("Bearer own", "1")
        assert not {"cookie", "openai-organization"} & set(request.headers)


@pytest.mark.parametrize("name", CLIENTS)
def test_an_answer_that_is_no_stream(name: str) -> None:
    check_whole(name)


def check_whole(name: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(WHOLE)
    with Raw({"Why?": says(head, WHOLE)}) as server:
        client = ClientId(name, {"stream": False})
        recording = record(
            cell(client=client, url=server.url, protocol="openai-chat", stream=False, concurrency=1)
        )
    (row,) = rows(recording)
    assert (row.outcome, row.tokens, row.table["server_tokens"]) == (Outcome.OK, 1, 3), row.error


def test_a_request_that_an_sdk_does_not_accept_is_told_and_not_sent() -> None:
    with Raw({}) as server:
        refused = cell(
            client=ClientId("ollama-async"),
            url=server.url,
            concurrency=1,
            body={"keep_alive": ["5m"]},
            load=Load(requests=1),
        )
        (row,) = rows(record(refused))
        assert server.requests == []
    assert (row.outcome, "keep_alive" in row.error, "SDK" in row.error) == (Outcome.FAILED, True, True)
