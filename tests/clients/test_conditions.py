"""Every client against everything that a server can do to a stream: the same outcome for all.

All conditions of a client are streams of one cell, side by side: what happens to one must not touch the
others.
"""

from __future__ import annotations

import json
from functools import cache

import pytest

from loadgen.model import Load, Outcome
from tests.clients.conditions import CONDITIONS, TIMEOUTS, expected
from tests.clients.measuring import CLIENTS, LABELS, Row, record, rows
from tests.clients.raw import PACE, Raw, Received
from tests.lab.cells import cell

NAMES = tuple(CONDITIONS)


@cache
def measured(label: str) -> tuple[dict[str, Row], list[Received]]:
    with Raw({name: condition.handler for name, condition in CONDITIONS.items()}) as server:
        recording = record(
            cell(
                client=CLIENTS[LABELS.index(label)],
                url=server.url,
                concurrency=len(NAMES),
                prompts=NAMES,
                timeouts=TIMEOUTS,
                load=Load(requests=1, ramp=0.3),
            )
        )
        return {NAMES[row.slot]: row for row in rows(recording)}, list(server.requests)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("label", LABELS)
def test_outcome(label: str, name: str) -> None:
    told, row = expected(name, label.split(maxsplit=1)[0]), measured(label)[0][name]
    assert row.outcome == told.outcome, row.error
    if told.tokens is None:
        assert row.tokens > 0
    else:
        assert row.tokens == told.tokens
    if told.status is not None:
        assert row.status == told.status
        assert row.table["headers"] > row.table["start"]
    assert told.error in row.error
    assert row.table["end"] >= row.table["start"] + max(row.arrivals, default=0)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("slowly")])
@pytest.mark.parametrize("label", LABELS)
def test_bytes_are_handed_over_as_they_come(label: str, name: str) -> None:
    row = measured(label)[0][name]
    with_text = [at for at, count in zip(row.arrivals, row.counts, strict=True) if count]
    assert len(with_text) >= 3
    assert with_text[-1] - with_text[0] > 3 * PACE * 1e9


@pytest.mark.parametrize("label", LABELS)
def test_timeouts_end_a_stream_soon_after_they_run_out(label: str) -> None:
    found, _ = measured(label)
    for name, row in found.items():
        limit = {
            Outcome.FIRST_TOKEN_TIMEOUT: TIMEOUTS.first_token,
            Outcome.TOTAL_TIMEOUT: TIMEOUTS.total,
        }.get(row.outcome)
        if row.outcome == Outcome.IDLE_TIMEOUT:
            limit = TIMEOUTS.idle + row.arrivals[-1] / 1e9
        if limit is not None:
            took = (row.table["end"] - row.table["start"]) / 1e9
            assert limit <= took < limit + 5, name


@pytest.mark.parametrize("label", LABELS)
def test_the_same_request_from_every_client(label: str) -> None:
    _, requests = measured(label)
    assert sorted(request.prompt for request in requests) == sorted(
        NAMES
    )  # none twice: nothing is tried again
    for request in requests:
        assert request.path == "/api/generate"
        body = f'{{"model": "m", "prompt": "{request.prompt}", "stream": true}}'.encode()
        if label.startswith("ollama"):  # writes it itself
            assert json.loads(request.body) == json.loads(body)
        else:
            assert request.body == body
        assert request.headers["accept-encoding"] == "identity"
        assert request.headers["accept"] == "application/x-ndjson"
        assert request.headers["content-type"] == "application/json"
        assert not {"authorization", "proxy-authorization", "cookie", "expect"} & set(request.headers)
