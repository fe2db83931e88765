"""Server-sent events of OpenAI's chat completions, as literal bytes."""

from __future__ import annotations

import json

import pytest

from loadgen import protocols
from loadgen.model import Output, Prompt, Usage
from loadgen.protocols import End, Error, Event, Token
from tests.lab.cells import cell
from tests.protocols.feeding import Made, cuts, decode

MAX_LINE = 4 << 20
NAME = "openai-chat"
TOKEN = Token(None)
THINKING, TOOL = Token(None, Output.THINKING), Token(None, Output.TOOL_CALL)
STOPPED = End(Usage(finish_reason="stop"))
END = End(Usage())
ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}\n\n'


def delta(text: str) -> bytes:
    return f'data: {{"choices":[{{"delta":{text}}}]}}\n\n'.encode()


CASES: dict[str, tuple[bytes, list[Event], bool]] = {
    "a whole answer": (ROLE + TEXT + TEXT + STOP + DONE, [TOKEN, TOKEN, STOPPED], False),
    "role only, content null": (delta('{"role":"assistant","content":null}') + TEXT, [TOKEN], False),
    "role only, no content": (delta('{"role":"assistant"}'), [], False),
    "empty delta": (STOP, [STOPPED], False),
    "delta is null": (b'data: {"choices":[{"delta":null}]}\n\n', [], False),
    "reasoning": (delta('{"reasoning":"hm"}') + delta('{"reasoning_content":"hm"}'), [THINKING] * 2, False),
    "reasoning empty": (delta('{"content":"","reasoning":""}'), [], False),
    "tool call": (delta('{"tool_calls":[{"function":{"name":"f"}}]}'), [TOOL], False),
    "two choices at once": (
        b'data: {"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}\n\n',
        [TOKEN],
        False,
    ),
    "usage": (TEXT + USAGE + DONE, [TOKEN, End(Usage(prompt_tokens=7, tokens=2))], False),
    "usage null before it": (b'data: {"choices":[],"usage":null}\n\n' + DONE, [END], False),
    "llama.cpp's timings": (
        b'data: {"choices":[{"delta":{}}],"timings":{"prompt_ms":12.5,"predicted_n":3,"predicted_ms":30}}\n\n'
        + DONE,
        [End(Usage(prompt_ns=12_500_000, tokens=3, decode_ns=30_000_000))],
        False,
    ),
    "usage and timings": (
        b'data: {"choices":[],"usage":{"completion_tokens":2},"timings":{"prompt_ms":1,"predicted_n":3}}\n\n'
        + DONE,
        [End(Usage(prompt_ns=1_000_000, tokens=2))],
        False,
    ),
    "usage, then timings": (
        USAGE + b'data: {"timings":{"predicted_ms":1}}\n\n' + DONE,
        [End(Usage(prompt_tokens=7, tokens=2, decode_ns=1_000_000))],
        False,
    ),
    "timings of an age": (b'data: {"timings":{"prompt_ms":1e308}}\n\n' + DONE, [END], False),
    "CRLF": (
        (TEXT + USAGE + DONE).replace(b"\n", b"\r\n"),
        [TOKEN, End(Usage(prompt_tokens=7, tokens=2))],
        False,
    ),
    "comments": (b": OPENROUTER PROCESSING\n\n:\n" + TEXT + b":\n\n" + DONE, [TOKEN, END], False),
    "a comment inside an event": (TEXT[:-1] + b":ping\n\n", [TOKEN], False),
    "other fields": (b"event: message\nid: 1\nretry: 5\n" + TEXT + DONE, [TOKEN, END], False),
    "no space after the colon": (TEXT.replace(b"data: ", b"data:") + b"data:[DONE]\n\n", [TOKEN, END], False),
    "an event of two lines": (
        b'data: {"choices":[\ndata: {"delta":{"content":"Hi"}}]}\n\n' + DONE,
        [TOKEN, END],
        False,
    ),
    "more blank lines": (b"\n\n\n" + TEXT + b"\n\n\n" + DONE, [TOKEN, END], False),
    "no blank line at the end": (TEXT + b"data: [DONE]\n", [TOKEN, END], False),
    "cut short": (TEXT + TEXT[:20], [TOKEN], False),
    "no end": (TEXT, [TOKEN], False),
    "nothing": (b"", [], False),
    "error inside a 200": (
        TEXT + b'data: {"error":{"message":"overloaded","code":503}}\n\n' + DONE,
        [TOKEN, Error("overloaded")],
        False,
    ),
    "error, string": (b'data: {"error":"no"}\n\n', [Error("no")], False),
    "error of no known shape": (b'data: {"error":{"code":1}}\n\n', [Error('{"code": 1}')], False),
    "after the end": (DONE + b"<html>\n\ndata: }\n\n" + TEXT + DONE, [END], False),
    "after an error": (b'data: {"error":"no"}\n\n' + b"oops\ndata: }\n\n", [Error("no")], False),
    "JSON without data:": (TEXT + b'{"error":"no"}\n', [TOKEN, Error("no")], False),
    "broken JSON": (TEXT + b'data: {"choices":[\n\n' + TEXT, [TOKEN], True),
    "not an object": (b"data: [1]\n\n", [], True),
    "choices is a string": (b'data: {"choices":"a"}\n\n', [], True),
    "choices is null": (b'data: {"choices":null}\n\n', [], False),
    "content is a list": (delta('{"content":[]}'), [], False),
    "figure beyond 64 bits": (
        b'data: {"usage":{"prompt_tokens":1' + b"0" * 30 + b"}}\n\n" + DONE,
        [END],
        False,
    ),
    "bad UTF-8": (TEXT + delta('{"content":"é"}').replace(b"\xc3", b"\xff"), [TOKEN], True),
    "other line separators in a string": (delta('{"content":"\u0085\u2028\u2029"}'), [TOKEN], False),
}


@pytest.mark.parametrize(("data", "events", "undecodable"), CASES.values(), ids=CASES)
def test_bytes_give_these_events_however_they_are_cut(
    data: bytes, events: list[Event], undecodable: bool
) -> None:
    for pieces in cuts(data):
        assert decode(NAME, pieces) == Made(events, undecodable), pieces


ANSWER = (
    '{"choices":[{"message":{"role":"assistant","content":"你好"}}],"usage":{"completion_tokens":2}}'.encode()
)
TWO = End(Usage(tokens=2))

WHOLE: dict[str, tuple[bytes, list[Event], bool]] = {
    "without LF": (ANSWER, [TOKEN, TWO], False),
    "with LF": (ANSWER + b"\n", [TOKEN, TWO], False),
    "over several lines": (ANSWER.replace(b",", b",\r\n  "), [TOKEN, TWO], False),
    "empty content": (b'{"choices":[{"message":{"content":null}}]}', [END], False),
    "reasoning": (b'{"choices":[{"message":{"reasoning_content":"hm"}}]}', [THINKING, END], False),
    "error": (b'{"error":{"message":"no"}}', [Error("no")], False),
    "no choices": (b'{"object":"chat.completion"}', [], False),
    "nothing": (b" \n", [], False),
    "cut short": (ANSWER[:-9], [], True),
    "trailing data": (ANSWER + b"\n{}", [], True),
    "bad UTF-8": (b'{"choices":[{"message":{"content":"\xff"}}]}', [], True),
}


@pytest.mark.parametrize(("data", "events", "undecodable"), WHOLE.values(), ids=WHOLE)
def test_a_whole_answer(data: bytes, events: list[Event], undecodable: bool) -> None:
    for pieces in cuts(data):
        assert decode(NAME, pieces, stream=False) == Made(events, undecodable), pieces


@pytest.mark.parametrize("step", [1 << 14, MAX_LINE + 1, 1 << 30])
def test_an_event_of_ten_megabytes_is_undecodable(step: int) -> None:
    data = TEXT + b'data: {"x":"' + b"x" * 10_000_000 + b'"}\n\n' + DONE
    pieces = (data[at : at + step] for at in range(0, len(data), step))
    assert decode(NAME, pieces, max_bytes=MAX_LINE) == Made([TOKEN], True)


def feed_for_ever(decoder: protocols.Decoder, block: bytes) -> None:
    for _ in range(8 * MAX_LINE // len(block)):
        decoder.feed(block)


@pytest.mark.parametrize("line", [b"data: " + b"x" * 1000 + b"\n", b"data:\n"])
def test_an_event_that_never_ends_is_undecodable_near_the_limit(line: bytes) -> None:
    decoder = protocols.load(NAME).decoder(True)
    assert isinstance(decoder, protocols.Bounded)
    decoder.max_bytes = MAX_LINE
    block = line * (1 + (1 << 16) // len(line))
    for _ in range(MAX_LINE // len(block) - 1):
        assert decoder.feed(block) == []
    with pytest.raises(protocols.Undecodable, match="4 MiB"):
        feed_for_ever(decoder, block)


def test_deep_nesting_is_undecodable_not_a_crash() -> None:
    deep = b'{"a":' * 200_000 + b"1" + b"}" * 200_000
    assert decode(NAME, [TEXT + b"data: " + deep + b"\n\n"]) == Made([TOKEN], True)
    assert decode(NAME, [deep], stream=False) == Made([], True)


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://h:1", "http://h:1/v1/chat/completions"),
        ("http://h:1/", "http://h:1/v1/chat/completions"),
        ("http://h:1/v1", "http://h:1/v1/chat/completions"),
        ("http://h:1/api/v1/", "http://h:1/api/v1/chat/completions"),
    ],
)
def test_the_url_has_v1_once(base: str, url: str) -> None:
    assert protocols.load(NAME).request(cell(url=base), Prompt("x")).url == url


def test_the_request_asks_for_usage_only_where_it_streams() -> None:
    protocol = protocols.load(NAME)
    streamed = json.loads(protocol.request(cell(options={"max_tokens": 4}), Prompt("Häh?")).body)
    assert streamed == {
        "model": "m",
        "messages": [{"role": "user", "content": "Häh?"}],
        "stream": True,
        "max_tokens": 4,
        "stream_options": {"include_usage": True},
    }
    assert "stream_options" not in json.loads(protocol.request(cell(stream=False), Prompt("x")).body)
    probe = protocol.probe(cell())
    assert probe
    assert (probe.method, probe.url) == ("GET", "http://127.0.0.1:1/v1/models")
