"""Protocols that the scenario describes: literal bytes cut at every position, and what an encoder sends."""

from __future__ import annotations

import json

import pytest

from loadgen import protocols
from loadgen.model import Events, Usage, Workload
from loadgen.protocols import End, Error, Event, Searching, Token, Undecodable, pointers
from loadgen.protocols.encoder import Ending
from loadgen.protocols.generic import ENCODERS
from tests.lab.cells import cell
from tests.protocols.feeding import cuts

T = Token(None)
TGI = Events(
    text="/token/text", end="/details", error="/error",
    usage=(("tokens", "/details/generated_tokens"), ("finish_reason", "/details/finish_reason")),
)  # fmt: skip
OPENAI = Events(
    text="/choices/0/delta/content", end="[DONE]", usage=(("tokens", "/usage/completion_tokens"),)
)
ENDS = End(Usage())

# protocol, events, body, what it is
CASES: dict[str, tuple[str, Events, bytes, list[Event]]] = {
    "TGI": (
        "sse",
        TGI,
        b'data:{"token":{"text":"Hi"},"details":null}\r\n\r\ndata:{"token":{"text":" \xc3\xa9"},"details":null}\r\n\r\n'
        b'data:{"token":{"text":"!"},"details":{"generated_tokens":3,"finish_reason":"length"}}\r\n\r\n',
        [T, T, T, End(Usage(tokens=3, finish_reason="length"))],
    ),
    "an error in place of an event": (
        "sse",
        TGI,
        b'data: {"token":{"text":"Hi"}}\n\ndata: {"error":"overloaded","error_type":"overloaded"}\n\n',
        [T, Error("overloaded")],
    ),
    "an event of type error": ("sse", TGI, b"event: error\ndata: no memory\n\n", [Error("no memory")]),
    "an error that is an object": ("ndjson", TGI, b'{"error":{"message":"bad","code":3}}\n', [Error("bad")]),
    "OpenAI": (
        "sse",
        OPENAI,
        b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n: ping\n\n'
        b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\ndata: {"choices":[],"usage":{"completion_tokens":1}}\n\n'
        b"data: [DONE]\n\n",
        [T, End(Usage(tokens=1))],
    ),
    "an error that no pointer names": (
        "sse",
        OPENAI,
        b'data: {"error":{"message":"busy"}}\n\n',
        [Error("busy")],
    ),
    "a ticker, to the end of its body": (
        "ndjson",
        Events(text="/price"),
        b'{"price":1.5}\n\n{"heartbeat":true}\n{"price":0}\n{"price":null}\n{"price":"2"}',
        [T, T, T, ENDS],
    ),
    "every line": ("ndjson", Events(), b'{"a":1}\n[]\n"x"\n', [T, T, T, ENDS]),
    "every event, of any text": ("sse", Events(), b"data: tick\n\nid: 3\n\ndata: tock\n\n", [T, T, ENDS]),
    "every event but the last": (
        "sse",
        Events(end="bye"),
        b'data: {"a":1}\n\ndata: bye\n\ndata: {"a":2}\n\n',
        [T, ENDS],
    ),
    "every line but the last": ("ndjson", Events(end="/last"), b'{"a":1}\n{"last":true}\n', [T, ENDS]),
    "the end that is false is none": (
        "ndjson",
        Events(text="/t", end="/done"),
        b'{"t":"a","done":false}\n{"t":"b","done":true}\n',
        [T, T, ENDS],
    ),
    "the whole value": ("ndjson", Events(text=""), b'"a"\n""\n"b"\n', [T, T, ENDS]),
    "a cut body has no end of its own": ("ndjson", Events(text="/t", end="/done"), b'{"t":"a"}\n', [T]),
    "any bytes": ("bytes", Events(), b"\x00\xff\n\r\n{", [ENDS]),
}


def decoder(protocol: str, events: Events) -> protocols.Decoder:
    workload: Workload = cell(protocol=protocol, events=events).workload
    return protocols.of(workload).decoder(True)


def events_of(protocol: str, events: Events, pieces: list[bytes]) -> list[Event]:
    of = decoder(protocol, events)
    found = [event for piece in pieces for event in of.feed(piece)]
    return found + of.eof()


@pytest.mark.parametrize("name", CASES)
def test_wherever_it_is_cut(name: str) -> None:
    protocol, events, body, wanted = CASES[name]
    for pieces in cuts(body):
        assert events_of(protocol, events, pieces) == wanted


@pytest.mark.parametrize("body", [b"<html>\n", b'{"a":\n', b"\xff\xfe\n"])
def test_a_line_that_is_no_json(body: bytes) -> None:
    with pytest.raises(Undecodable):
        decoder("ndjson", Events(text="/t")).feed(body)


def test_a_pointer_that_never_matched_says_where_it_looked() -> None:
    of = decoder("sse", Events(text="/choices/0/delta/content", end="/done"))
    of.feed(b'data: {"token":"a"}\n\ndata: {"token":"b"}\n\n')
    of.eof()
    assert isinstance(of, Searching)
    assert of.missed(end=False) == (
        'no text found at /choices/0/delta/content in 2 events; the first was {"token":"a"}'
    )
    assert of.missed(end=True) == 'no end found at /done in 2 events; the last was {"token":"b"}'


@pytest.mark.parametrize("protocol", ["ndjson", "sse"])
@pytest.mark.parametrize(
    "events", [TGI, OPENAI, Events(), Events(text=""), Events(text="/a/1/b~1c", end="/a/0", error="/e/x")]
)
def test_what_is_encoded_is_found(protocol: str, events: Events) -> None:
    if protocol == "ndjson" and events.end == "[DONE]":
        return
    encoder = ENCODERS[protocol]("m", events=events)
    ending = Ending(Usage(tokens=2, prompt_tokens=5), b"", "length")
    body = encoder.opening() + encoder.token("a", b"") + encoder.token("é\n", b"") + encoder.final(ending)
    *tokens, end = events_of(protocol, events, [body])
    assert tokens == [T, T]
    assert isinstance(end, End)
    assert end.usage.tokens == (2 if any(name == "tokens" for name, _ in events.usage) else None)
    if events.error:
        [failed] = decoder(protocol, events).feed(encoder.event(encoder.error("too much")))
        assert failed == Error("too much")


@pytest.mark.parametrize(
    ("pointer", "wanted"),
    [("", {"a~": [1, {"/": None}]}), ("/a~0/0", 1), ("/a~0/1/~1", None), ("/a~0/00", None), ("/a~0/-", None)],
)  # fmt: skip
def test_pointers_find_as_the_rfc_says(pointer: str, wanted: object) -> None:
    assert pointers.is_pointer(pointer)
    assert pointers.find({"a~": [1, {"/": None}]}, pointers.parts(pointer)) == wanted


def test_json_is_made_of_pointers() -> None:
    made = pointers.made([("/a/1/b", 1), ("/a/0", True), ("/c", 2), ("/a", 3)])
    assert json.loads(json.dumps(made)) == {"a": [True, {"b": 1}], "c": 2}


def test_a_last_event_that_the_scenario_does_not_name_is_shown_how_to() -> None:
    of = decoder("sse", Events(text="/text"))
    with pytest.raises(Undecodable, match=r'\[DONE\]; events\.end: "\[DONE\]" makes it the end'):
        of.feed(b'data: {"text":"Hi"}\n\ndata: [DONE]\n\n')
