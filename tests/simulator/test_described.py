"""Protocols that the scenario describes, from the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from loadgen import protocols
from loadgen.lab.masking import shareable
from loadgen.model import Events, Served, Template
from loadgen.model.scenario import BODY_FAULTS
from loadgen.protocols import Error
from loadgen.scenario import load
from loadgen.simulator.stream import ERROR_TEXT
from tests.cli.command import scenario
from tests.lab.cells import cell
from tests.simulator.conftest import Start
from tests.simulator.wire import Closed, Wire, get, post

MIB = 1 << 20
EVENTS = Events()


def served(protocol: str, events: Events = EVENTS, **request: Any) -> tuple[Served, ...]:
    return (Served(protocol=protocol, request=Template(**request), events=events),)


def test_events_have_the_shape_and_the_path_of_the_scenario(start: Start) -> None:
    events = Events(text="/token/text", end="/done", usage=(("tokens", "/n"),))
    process = start(tokens=3, served=served("ndjson", events, method="POST", path="/models/{model}/run"))
    with Wire(process.url) as wire:
        *texts, last = wire.ask(post("/models/simulator/run", {"inputs": "Why?"})).objects
        assert all(each["token"]["text"] for each in texts)
        assert (len(texts), last) == (3, {"done": True, "n": 3})
        assert wire.ask(post("/api/generate", {"model": "m", "prompt": "Why?"})).status == 200


@pytest.mark.parametrize("name", ["ndjson", "sse"])
def test_an_error_inside_a_stream_is_where_the_pointer_says(start: Start, name: str) -> None:
    events = Events(text="/text", error="/problem/message")
    process = start(tokens=4, faults={"error_line": 1}, served=served(name, events, path="/x"))
    with Wire(process.url) as wire:
        body = wire.ask(get("/x")).body
    decoder = protocols.of(cell(protocol=name, events=events).workload).decoder(True)
    assert [*decoder.feed(body), *decoder.eof()][-1] == Error(ERROR_TEXT)


def test_a_prompt_may_be_part_of_the_path(start: Start) -> None:
    process = start(tokens=2, served=served("sse", path="/ask/{prompt}/now?model={model}"))
    with Wire(process.url) as wire:
        assert wire.ask(get("/ask/Why%3F/now?model=m")).body.count(b"data: ") == 2
        assert wire.ask(get("/ask/now")).status == 404


def test_of_two_at_one_path_the_one_with_events_is_served(start: Start) -> None:
    both = served("sse", method="POST", path="/x") + served("bytes", method="POST", path="/x")
    with Wire(start(served=both).url) as wire:
        assert wire.ask(post("/x", {})).headers["content-type"] == "text/event-stream"


def test_a_body_of_bytes_has_its_size(start: Start) -> None:
    process = start(size=3 * MIB + 1024, served=served("bytes", path="/file"))
    with Wire(process.url) as wire:
        answers = [wire.ask(get("/file")) for _ in range(2)]
    assert {(len(each.body), each.headers["content-length"]) for each in answers} == {(3_146_752, "3146752")}
    assert answers[0].body[: MIB // 1024] == (bytes(range(33, 96)) + b"\n") * 16


def test_a_speed_is_kept_gap_by_gap(start: Start) -> None:
    process = start(size=MIB, speed=64 * MIB, gap=0.001, served=served("bytes", path="/file"))
    with Wire(process.url) as wire:
        assert len(wire.ask(get("/file")).body) == MIB
    assert process.log().sends == 16, "64 KiB each"


@pytest.mark.parametrize("fault", BODY_FAULTS)
def test_a_body_can_go_wrong(start: Start, fault: str) -> None:
    with Wire(start(size=MIB, faults={fault: 1}, served=served("bytes", path="/file")).url) as wire:
        wire.send(get("/file"))
        if fault.startswith("status"):
            assert wire.answer().status == int(fault[-3:])
        elif fault in ("reset", "truncate"):
            with pytest.raises((Closed, ConnectionError)):
                wire.answer()
        else:
            assert wire.head().status == 200


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_large_body_takes_no_memory(start: Start) -> None:
    process = start(size=256 * MIB, served=served("bytes", path="/file"))
    with Wire(process.url) as wire:
        before = _peak_kib(process.pid)
        wire.send(get("/file")).head()
        buffer, left = bytearray(MIB), 256 * MIB - len(wire.buffer)
        while left:
            left -= wire.sock.recv_into(buffer, min(left, MIB))
        assert _peak_kib(process.pid) - before < 8 << 10


def _peak_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def test_what_is_written_down_of_a_served_request_has_no_secret(tmp_path: Path) -> None:
    request = {"path": "/x?key=${KEY}", "headers": {"Authorization": "Bearer ${KEY}"}}
    path = scenario(tmp_path, protocol="sse", request=request, target={"simulator": {}})
    found = load(path, environ={"KEY": "topsecret"})
    assert b"topsecret" in msgspec.json.encode(found.target)
    assert b"topsecret" not in msgspec.json.encode(shareable(found).target)
