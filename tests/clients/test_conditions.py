"""Every client against everything that a server can do to a stream: the same outcome for all.

All conditions of a client that end alike are streams of one cell, side by side: what happens to one must not touch
the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from loadgen.model import Load, Outcome, Timeouts
from tests.clients.conditions import CONDITIONS, PATIENT, by_timeout, expected
from tests.clients.measuring import Row, record_all, rows, share
from tests.clients.raw import PACE, Raw, Received
from tests.lab.cells import cell

PARTS = 2
MAX_DRAIN_S = 30.0  # the server keeps some bodies open for ever, and no timeout is that short


@pytest.mark.parametrize("part", range(PARTS))
def test_every_condition_has_the_same_outcome_with_every_client(part: int) -> None:
    clients = share(part, PARTS)
    handlers = {name: condition.handler for name, condition in CONDITIONS.items()}
    with ExitStack() as stack:
        servers = [stack.enter_context(Raw(handlers)) for _ in clients]
        cells = [
            cell(
                client=client,
                url=server.url,
                concurrency=len(names),
                prompts=tuple(names),
                timeouts=timeouts,
                # All at once, so that none gets the connection of another: libcurl sends again on such.
                load=Load(requests=1),
            )
            for client, server in zip(clients, servers, strict=True)
            for timeouts, names in by_timeout({name: expected(name, client.name) for name in CONDITIONS})
        ]
        recordings = record_all(cells)
    wrong = []
    for of, recording in zip(cells, recordings, strict=True):
        found = {of.workload.prompts[row.slot].text: row for row in rows(recording)}
        assert len(found) == of.level.streams
        for name, row in found.items():
            mistaken = mistakes(of.client.name, name, row, of.workload.timeouts)
            wrong += [f"{of.client.label}, {name}: {text}" for text in mistaken]
    for client, server in zip(clients, servers, strict=True):
        wrong += [f"{client.label}: {text}" for text in odd_requests(client.name, server.requests)]
    assert not wrong, "\n".join(wrong)


def mistakes(client: str, name: str, row: Row, timeouts: Timeouts) -> Iterator[str]:
    """Yield what is wrong with the stream that met a condition."""
    right = expected(name, client)
    if row.outcome != right.outcome:
        yield f"{row.outcome}, not {right.outcome}: {row.error}"
    if row.tokens != right.tokens and not (right.tokens is None and row.tokens):
        yield f"{row.tokens} tokens, not {right.tokens}"
    if right.status is not None:
        if row.status != right.status:
            yield f"status {row.status}, not {right.status}"
        if row.table["headers"] <= row.table["start"]:
            yield "headers before the start"
    if right.error not in row.error:
        yield f"{right.error!r} is not in {row.error!r}"
    took = int(row.table["end"]) - int(row.table["start"])
    drain = int(row.table["drain_ns"])
    if drain >= 0 and (row.outcome not in (Outcome.OK, Outcome.SERVER_ERROR) or drain > MAX_DRAIN_S * 1e9):
        yield f"waited {drain / 1e9:.3f} s after the end"
    if took + max(drain, 0) < max(row.arrivals, default=0):
        yield "ended before its last read"
    if name.endswith("slowly"):
        with_text = [at for at, count in zip(row.arrivals, row.counts, strict=True) if count]
        if len(with_text) < 3 or with_text[-1] - with_text[0] <= 3 * PACE * 1e9:
            yield f"bytes are held back: {with_text}"
    limit = {
        Outcome.FIRST_TOKEN_TIMEOUT: timeouts.first_token,
        Outcome.TOTAL_TIMEOUT: timeouts.total,
        Outcome.IDLE_TIMEOUT: timeouts.idle + max(row.arrivals, default=0) / 1e9,
    }.get(row.outcome)
    if limit is not None and not limit <= took / 1e9 < limit + PATIENT.total / 2:
        yield f"timed out after {took / 1e9:.3f} s, not {limit:.3f} s"


def odd_requests(client: str, requests: list[Received]) -> Iterator[str]:
    """Yield what differs from the request that every client must send, each once: nothing is tried again."""
    prompts = sorted(request.prompt for request in requests)
    if prompts != sorted(CONDITIONS):
        yield f"requests {prompts}"
    for request in requests:
        body = f'{{"model": "m", "prompt": "{request.prompt}", "stream": true}}'.encode()
        # The SDK writes the body itself.
        same = json.loads(request.body) == json.loads(body) if "ollama" in client else request.body == body
        headers = {name: request.headers.get(name) for name in HEADERS}
        unwanted = UNWANTED & set(request.headers)
        if not same or request.path != "/api/generate" or headers != HEADERS or unwanted:
            yield f"a request of its own: {request}"


HEADERS = {
    "accept-encoding": "identity",
    "accept": "application/x-ndjson",
    "content-type": "application/json",
}
UNWANTED = {"authorization", "proxy-authorization", "cookie", "expect"}
