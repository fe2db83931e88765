"""OpenAI's chat completions from the simulator, read by the protocol's own decoder."""

from __future__ import annotations

import json
from typing import Any

import pytest

from loadgen import protocols
from loadgen.model import Usage
from loadgen.model.scenario import FAULTS
from loadgen.protocols import End, Error, Event, Token, Undecodable
from loadgen.simulator.stream import ERROR_TEXT, STATUS
from tests.simulator.conftest import Start
from tests.simulator.wire import Answer, Closed, Wire, get, post


def ask(*, stream: bool = True, **body: Any) -> bytes:
    messages = [{"role": "user", "content": "Why?"}]
    return post("/v1/chat/completions", {"model": "m", "messages": messages, "stream": stream, **body})


def events(answer: Answer, *, stream: bool = True) -> list[Event]:
    decoder = protocols.load("openai-chat").decoder(stream)
    return [*decoder.feed(answer.body), *decoder.eof()]


def deltas(answer: Answer) -> list[dict[str, Any]]:
    data = [line.removeprefix(b"data: ") for line in answer.body.split(b"\n\n") if line]
    assert data[-1] == b"[DONE]"
    return [json.loads(each) for each in data[:-1]]


def test_a_stream_begins_with_a_role_and_ends_with_done(start: Start) -> None:
    process = start(tokens=7, split=0.3, merge=0.3)
    with Wire(process.url) as wire:
        answer = wire.ask(ask(stream_options={"include_usage": True}))
    found = events(answer)
    assert answer.headers["content-type"] == "text/event-stream"
    assert [type(event) for event in found] == [Token] * 7 + [End]
    assert found[-1] == End(Usage(prompt_tokens=2, tokens=7, finish_reason="stop"))
    first, *middle, last, usage = deltas(answer)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert all(each["choices"][0]["delta"]["content"] for each in middle)
    assert (last["choices"][0]["delta"], last["choices"][0]["finish_reason"]) == ({}, "stop")
    assert (usage["choices"], usage["usage"]["completion_tokens"]) == ([], 7)
    assert process.log().sends == 8


def test_a_limit_ends_for_its_length_and_usage_comes_only_when_requested(start: Start) -> None:
    with Wire(start(tokens=7).url) as wire:
        answer = wire.ask(ask(max_tokens=3))
        assert deltas(answer)[-1]["choices"][0]["finish_reason"] == "length"
        assert events(answer) == [Token(None)] * 3 + [End(Usage(finish_reason="length"))]
        assert len(events(wire.ask(ask(max_completion_tokens=2)))) == 3


def test_a_whole_answer_says_what_a_stream_says(start: Start) -> None:
    with Wire(start(tokens=5).url) as wire:
        parts = deltas(wire.ask(ask(seed=3)))
        answer = wire.ask(ask(stream=False, seed=3))
        text = "".join(part["choices"][0]["delta"].get("content", "") for part in parts)
        assert answer.objects[0]["choices"][0]["message"]["content"] == text
        assert events(answer, stream=False)[-1] == End(Usage(prompt_tokens=2, tokens=5, finish_reason="stop"))


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (ask(model="x"), 404),
        (ask(model=""), 400),
        (ask(messages=[]), 400),
        (ask(messages="Why?"), 400),
        (post("/v1/chat/completions", b"{"), 400),
    ],
)
def test_a_request_that_cannot_be_answered_gets_an_error_object(
    start: Start, request_bytes: bytes, status: int
) -> None:
    with Wire(start(models=("m",)).url) as wire:
        answer = wire.ask(request_bytes)
        assert answer.status == status
        assert answer.objects[0]["error"]["message"]
        assert [model["id"] for model in wire.ask(get("/v1/models")).objects[0]["data"]] == ["m"]


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_one_to_the_decoder(start: Start, fault: str) -> None:
    with Wire(start(faults={fault: 1}, tokens=6).url) as wire:
        if fault in STATUS:
            assert wire.ask(ask()).objects[0]["error"]["message"] == STATUS[fault][1]
        elif fault in ("reset", "truncate"):
            with pytest.raises((Closed, ConnectionError)):
                wire.ask(ask())
        elif fault == "stall":
            wire.send(ask())
            assert wire.head().status == 200
        elif fault in ("slow_accept", "huge_line"):
            assert isinstance(events(wire.ask(ask()))[-1], End)
        elif fault == "no_done":
            assert {type(event) for event in events(wire.ask(ask()))} == {Token}
        elif fault == "error_line":
            assert events(wire.ask(ask()))[-1] == Error(ERROR_TEXT)
        elif fault != "endless_line":
            with pytest.raises(Undecodable):
                events(wire.ask(ask()))
