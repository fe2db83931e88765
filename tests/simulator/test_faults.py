"""Every fault as it comes over the wire."""

from __future__ import annotations

import json
import select

import pytest

from loadgen.model.scenario import FAULTS
from loadgen.simulator.stream import ENDLESS_LINE, ERROR_TEXT, HUGE_LINE, MALFORMED, SLOW_ACCEPT_NS, STATUS
from tests.simulator.conftest import Start
from tests.simulator.wire import Closed, Wire, generate, get

WHOLE = generate(stream=False)


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("request_bytes", [generate(), WHOLE], ids=["streamed", "whole"])
def test_statuses(start: Start, status: int, request_bytes: bytes) -> None:
    with Wire(start(faults={f"status_{status}": 1}, ttft=1000).url) as wire:
        answer = wire.ask(request_bytes)
        assert answer.status == status
        assert answer.objects == [{"error": STATUS[f"status_{status}"][1]}]
        assert wire.ask(get("/api/version")).status == 200


def tokens_until_break(wire: Wire) -> type[Exception]:
    """Reads tokens until the connection breaks; ``wire.buffer`` is what came of the last chunk."""
    wire.send(generate())
    assert wire.head().status == 200
    chunks = []
    while True:
        try:
            chunk = wire.chunk()
        except (Closed, ConnectionResetError) as broken:
            wire.buffer = broken.got if isinstance(broken, Closed) else b""
            break
        assert chunk, "the body has ended properly"
        chunks.append(chunk)
    assert all(json.loads(chunk)["done"] is False for chunk in chunks)
    assert 1 <= len(chunks) < 20
    return Closed if wire.buffer else ConnectionResetError


def test_reset(start: Start) -> None:
    process = start(faults={"reset": 1})
    with Wire(process.url) as wire:
        assert tokens_until_break(wire) is ConnectionResetError
    with Wire(process.url) as wire, pytest.raises(ConnectionResetError):
        wire.ask(WHOLE)


def test_truncate_ends_inside_a_chunk(start: Start) -> None:
    process = start(faults={"truncate": 1})
    with Wire(process.url) as wire:
        assert tokens_until_break(wire) is Closed
        assert wire.buffer.startswith(b'{"model"')
        assert not wire.buffer.endswith(b"\n")
    with Wire(process.url) as wire, pytest.raises(Closed) as cut:
        wire.ask(WHOLE)
    assert cut.value.got.startswith(b'{"model"')


def broken_lines(body: bytes) -> list[bytes]:
    broken = []
    for line in body.splitlines(keepends=True):
        try:
            json.loads(line.decode())
        except ValueError:
            broken.append(line)
    return broken


def test_malformed_goes_on_to_a_proper_end(start: Start) -> None:
    process = start(faults={"malformed": 1})
    with Wire(process.url) as wire:
        answer = wire.ask(generate())
        assert broken_lines(answer.body) == [MALFORMED + b"\n"]
        assert len(answer.chunks) == 22
        assert answer.chunks[0] != MALFORMED != answer.chunks[-2]
        assert json.loads(answer.chunks[-1])["eval_count"] == 20
        assert wire.ask(WHOLE).body == MALFORMED


def test_bad_utf8_goes_on_to_a_proper_end(start: Start) -> None:
    with Wire(start(faults={"bad_utf8": 1}).url) as wire:
        answer = wire.ask(generate())
        (broken,) = broken_lines(answer.body)
        assert json.loads(broken.decode(errors="replace"))["done"] is False
        assert b"\xff" in broken
        assert json.loads(answer.chunks[-1])["done"]
        assert b"\xff" in wire.ask(WHOLE).body


def test_huge_line_goes_on_to_a_proper_end(start: Start) -> None:
    with Wire(start(faults={"huge_line": 1}).url) as wire:
        answer = wire.ask(generate())
        assert sorted(len(item["response"]) for item in answer.objects)[-1] == HUGE_LINE
        assert answer.objects[-1]["done"]
        assert answer.objects[-1]["eval_count"] == 20


@pytest.mark.parametrize("request_bytes", [generate(), WHOLE], ids=["streamed", "whole"])
def test_endless_line_ends_at_last_without_a_line_end(start: Start, request_bytes: bytes) -> None:
    with Wire(start(faults={"endless_line": 1}).url) as wire:
        last = wire.ask(request_bytes).body.rpartition(b"\n")[2]
        assert last.startswith(b'{"model"')
        assert ENDLESS_LINE <= len(last) < 1.1 * ENDLESS_LINE


def test_error_line_ends_a_200(start: Start) -> None:
    with Wire(start(faults={"error_line": 1}).url) as wire:
        answer = wire.ask(generate())
        assert answer.status == 200
        assert json.loads(answer.chunks[-1]) == {"error": ERROR_TEXT}
        assert all(item["done"] is False for item in answer.objects[:-1])
        whole = wire.ask(WHOLE)
        assert (whole.status, list(whole.objects[0])) == (500, ["error"])


def test_no_done(start: Start) -> None:
    with Wire(start(faults={"no_done": 1}).url) as wire:
        answer = wire.ask(generate())
        assert 1 <= len(answer.objects) < 20
        assert not any(item["done"] for item in answer.objects)
        assert wire.ask(WHOLE).objects[0]["done"] is False


@pytest.mark.parametrize("request_bytes", [generate(), WHOLE], ids=["streamed", "whole"])
def test_stall_lasts_until_the_client_leaves(start: Start, request_bytes: bytes) -> None:
    process = start(faults={"stall": 0.5}, parallel=1, seed=1)
    stalled = 0
    for _ in range(6):
        with Wire(process.url) as wire:
            wire.send(request_bytes)
            seen = b""
            while select.select([wire.sock], [], [], 0.3)[0]:
                seen += wire.more()
                if b'"done":true' in seen:
                    break
            else:
                stalled += 1
        # The only slot is free again, or the next one would hang.
    assert 1 <= stalled <= 5


def test_slow_accept_is_silence_before_everything(start: Start) -> None:
    process = start(faults={"slow_accept": 1})
    with Wire(process.url) as wire:
        last = wire.ask(generate()).objects[-1]
        assert last["eval_count"] == 20
        assert last["total_duration"] >= SLOW_ACCEPT_NS


def test_faults_take_their_share_and_leave_the_rest_alone(start: Start) -> None:
    process = start(faults={"status_500": 0.3}, tokens=1)
    with Wire(process.url) as wire:
        statuses = [wire.ask(generate()).status for _ in range(60)]
        process.reset()
        assert statuses == [wire.ask(generate()).status for _ in range(60)]
    assert set(statuses) == {200, 500}
    assert 5 <= statuses.count(500) <= 35


def test_every_fault_has_a_meaning_in_one_line() -> None:
    assert all(meaning and "\n" not in meaning for meaning in FAULTS.values())
    assert set(STATUS) <= set(FAULTS)
