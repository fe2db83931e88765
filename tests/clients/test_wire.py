"""The bodies of the table over a real socket: raw clients and SDKs report the same of the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from loadgen.clients import BUILTIN, info, version
from loadgen.model import ClientId, Load, Recording
from tests.clients.conditions import says_and_closes
from tests.clients.measuring import Row, record_all, rows
from tests.clients.raw import Raw
from tests.lab.cells import cell
from tests.protocols.wire import TABLES, Case

RAW = ("floor", "aiohttp", "requests")
SDKS = tuple(name for name in BUILTIN if info(name).protocols and version(name) is not None)
SPOKEN = [table for table in TABLES if any(table[0] in info(name).protocols for name in SDKS)]
USAGE = {
    "prompt_tokens": "prompt_tokens",
    "tokens": "server_tokens",
    "thinking_tokens": "server_thinking_tokens",
}


def body(case: Case, kind: bytes) -> bytes:
    """Return the response: its end is the connection's, so that a body may be empty."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nConnection: close\r\n\r\n%b" % (kind, case.data)


def seen(row: Row) -> dict[str, Any]:
    """Return what a client reports of a stream, as the table has it."""
    of = row.table
    others = {"t": of["thinking_events"], "c": of["tool_call_events"], "r": of["refusal_events"]}
    kinds = {"a": row.tokens - sum(map(int, others.values())), **others}
    usage = {name: int(of[column]) for name, column in USAGE.items() if of[column] >= 0}
    if of["finish_reason"]:
        usage["finish_reason"] = str(of["finish_reason"])
    output = "".join(letter * int(number) for letter, number in sorted(kinds.items()))
    return {"outcome": row.outcome, "output": output, "usage": usage}


def mistakes(name: str, case: Case, row: Row, *, sdk: bool) -> Iterator[str]:
    if sdk:
        case = case._replace(**case.sdk)
    right = {"outcome": case.outcome, "output": "".join(sorted(case.output)), "usage": case.usage}
    found = seen(row)
    if case.outcome not in ("ok", "empty"):
        right["usage"] = found["usage"] = {}
    if found != right:
        yield f"{name}: {found}, not {right}: {row.error}"
    if case.error not in row.error:
        yield f"{name}: {case.error!r} is not in {row.error!r}"


@pytest.mark.parametrize(("protocol", "stream"), SPOKEN, ids=str)
def test_raw_clients_and_sdks_agree(protocol: str, stream: bool) -> None:
    cases = TABLES[protocol, stream]
    kind = (
        b"application/json"
        if not stream
        else b"text/event-stream"
        if not protocol.startswith("ollama-")
        else b"application/x-ndjson"
    )
    clients = [*RAW, *(name for name in SDKS if protocol in info(name).protocols)]
    handlers = {name: says_and_closes(body(case, kind)) for name, case in cases.items()}
    with ExitStack() as stack:
        recordings: list[Recording] = record_all(
            [
                cell(
                    client=ClientId(name),
                    url=stack.enter_context(Raw(handlers)).url,
                    protocol=protocol,
                    stream=stream,
                    concurrency=len(cases),
                    prompts=tuple(cases),
                    load=Load(requests=1),
                )
                for name in clients
            ]
        )
    wrong = [
        f"{client}, {mistake}"
        for client, recording in zip(clients, recordings, strict=True)
        for row in rows(recording)
        for mistake in mistakes(
            tuple(cases)[row.slot], cases[tuple(cases)[row.slot]], row, sdk=client in SDKS
        )
    ]
    assert not wrong, "\n".join(wrong)
