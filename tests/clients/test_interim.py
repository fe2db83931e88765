"""Interim responses: none is taken for the answer, and no stream is given the answer of another."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from loadgen.model import Load, Outcome, Timeouts
from tests.clients.conditions import CHUNKED, END, LAST, ON_H11, TOKEN, chunk, length, library, says, slowly
from tests.clients.measuring import record_all, rows, share
from tests.clients.raw import Handler, Raw
from tests.lab.cells import cell

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
UNKNOWN = b"HTTP/1.1 199 Almost\r\nX-Why: not\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
HTTP_CLIENT = ("requests", "urllib3", "urllib")  # take every 1xx but 100 for the answer


def answer(tokens: int) -> bytes:
    return CHUNKED + chunk(TOKEN * tokens) + chunk(END) + LAST


# What comes before an answer, in the order of the slot's streams; each has as many tokens as its place in it.
BEFORE: dict[str, Handler] = {
    "nothing": says(answer(1)),
    "100": says(CONTINUE, answer(2)),
    "nothing again": says(answer(3)),
    "103": says(HINTS, answer(4)),
    "nothing after 103": says(answer(5)),
    "102, 102, 103, slowly": slowly(PROCESSING, PROCESSING, HINTS, answer(6)),
    "100 and 103": says(CONTINUE, HINTS, answer(7)),
    "199": says(UNKNOWN, answer(8)),
    "103, and a length": says(HINTS, length(len(TOKEN * 9 + END)), TOKEN * 9, END),
    "103, and a refusal": says(HINTS, length(4, b"503 Busy"), b"busy"),
    "nothing after the refusal": says(answer(11)),
    "101": says(SWITCHING),
    "nothing at last": says(answer(13)),
}


@pytest.mark.parametrize("part", range(2))
@pytest.mark.parametrize("reused", [True, False])
def test_an_answer_is_that_of_its_own_request(part: int, reused: bool) -> None:
    clients = share(part, 2)
    with ExitStack() as stack:
        servers = [stack.enter_context(Raw(BEFORE)) for _ in clients]
        cells = [
            cell(
                client=client,
                url=server.url,
                prompts=tuple(BEFORE),
                concurrency=1 if reused else len(BEFORE),
                timeouts=Timeouts(connect=10, first_token=6, idle=6, total=12),
                load=Load(requests=len(BEFORE) if reused else 1),
            )
            for client, server in zip(clients, servers, strict=True)
        ]
        recordings = record_all(cells)
    wrong = []
    for client, recording in zip(clients, recordings, strict=True):
        found = rows(recording)
        for place, row in enumerate(found if reused else sorted(found, key=lambda row: row.slot)):
            before = tuple(BEFORE)[place]
            right = {(Outcome.OK, 200, place + 1)}
            if before == "103, and a refusal":
                right = {(Outcome.HTTP_STATUS, 503, 0)}
            if before == "101":
                right = {(Outcome.HTTP_STATUS, 101, 0)}
                if library(client.name) in (*ON_H11, "geventhttpclient"):
                    right = {(Outcome.UNDECODABLE, -1, 0)}
                if "curl" in client.name:  # libcurl waits for an answer after it
                    right = {(Outcome.FIRST_TOKEN_TIMEOUT, -1, 0)}
            if library(client.name) in HTTP_CLIENT and before[0] == "1" and before not in ("100", "101"):
                right = {(Outcome.HTTP_STATUS, status, 0) for status in (102, 103, 199)}
                wrong += [f"{client.label}, {before}: {row.error}"] if "interim" not in row.error else []
            if (row.outcome, row.status, row.tokens) not in right:
                wrong.append(f"{client.label}, {before}: {row.outcome} {row.status} {row.tokens} {row.error}")
    assert not wrong, "\n".join(wrong)
