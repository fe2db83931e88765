"""Ollama's lines, as literal bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from loadgen import protocols
from loadgen.model import Output, Prompt, Usage
from loadgen.protocols import End, Error, Event, Token
from loadgen.protocols.encoder import Ending
from loadgen.protocols.ollama import Encoder, Kind
from tests.lab.cells import cell
from tests.protocols.feeding import Made, cuts, decode

MAX_LINE = 4 << 20
NOON = 1_769_860_800_000_000_000  # 2026-01-31T12:00:00Z
G, C = "ollama-generate", "ollama-chat"


def object_line(created_at: str, text: str = "Hi", done: str = "false") -> bytes:
    return f'{{"model":"m","created_at":"{created_at}","response":"{text}","done":{done}}}\n'.encode()


def full_end() -> bytes:
    return (
        b'{"model":"m","created_at":"2026-01-31T12:00:01Z","response":"","done":true,"done_reason":"stop",'
        b'"context":[1,2,3],"total_duration":5000000000,"load_duration":1,"prompt_eval_count":26,'
        b'"prompt_eval_duration":130000000,"eval_count":259,"eval_duration":4232710000}\n'
    )


FULL = End(
    Usage(5_000_000_000, 1, 26, 130_000_000, 259, 4_232_710_000, NOON + 1_000_000_000, finish_reason="stop")
)
BARE = End(Usage(at_ns=NOON))
NOON_LINE = object_line("2026-01-31T12:00:00Z")
AT_NOON = Token(NOON)
TOOL = Token(None, Output.TOOL_CALL)

CASES: dict[str, tuple[str, bytes, list[Event], bool]] = {
    "nine digits": (G, object_line("2026-01-31T12:00:00.123456789Z"), [Token(NOON + 123_456_789)], False),
    "six digits": (G, object_line("2026-01-31T12:00:00.123456Z"), [Token(NOON + 123_456_000)], False),
    "one digit": (G, object_line("2026-01-31T12:00:00.5Z"), [Token(NOON + 500_000_000)], False),
    "no digits": (G, NOON_LINE, [AT_NOON], False),
    "zone east": (G, object_line("2026-01-31T14:00:00.000000001+02:00"), [Token(NOON + 1)], False),
    "zone west": (G, object_line("2026-01-31T07:00:00.5-05:00"), [Token(NOON + 500_000_000)], False),
    "zones in turn": (
        G,
        object_line("2026-01-31T12:00:00.1234+02:00") + object_line("2026-01-31T12:00:00.000000001Z"),
        [Token(NOON - 7_200_000_000_000 + 123_400_000), Token(NOON + 1)],
        False,
    ),
    "no time at all": (G, b'{"response":"a","done":false}\n', [Token(None)], False),
    "no such time": (G, object_line("yesterday"), [Token(None)], False),
    "Go's zero time": (G, object_line("0001-01-01T00:00:00Z"), [Token(None)], False),
    "time beyond 64 bits": (G, object_line("9999-12-31T23:59:59.999999999Z"), [Token(None)], False),
    "two lines": (
        G,
        NOON_LINE + object_line("2026-01-31T12:00:01Z"),
        [AT_NOON, Token(NOON + 1_000_000_000)],
        False,
    ),
    "thinking": (
        G,
        b'{"created_at":"2026-01-31T12:00:00Z","response":"","thinking":"hm"}\n',
        [Token(NOON, Output.THINKING)],
        False,
    ),
    "empty text": (G, b'{"created_at":"2026-01-31T12:00:00Z","response":"","done":false}\n', [], False),
    "null text": (G, b'{"created_at":"2026-01-31T12:00:00Z","response":null,"thinking":null}\n', [], False),
    "chat": (
        C,
        b'{"created_at":"2026-01-31T12:00:00Z","message":{"role":"assistant","content":"Hi"},"done":false}\n',
        [AT_NOON],
        False,
    ),
    "chat, thinking": (
        C,
        b'{"created_at":"2026-01-31T12:00:00Z","message":{"role":"assistant","content":"","thinking":"x"}}\n',
        [Token(NOON, Output.THINKING)],
        False,
    ),
    "chat, role only": (C, b'{"message":{"role":"assistant"},"done":false}\n', [], False),
    "chat, tool call": (
        C,
        b'{"message":{"role":"assistant","content":"","tool_calls":[{}]}}\n',
        [TOOL],
        False,
    ),
    "chat, no message": (C, b'{"done":false}\n', [], False),
    "full end": (G, full_end(), [FULL], False),
    "end with zeros left out": (
        G,
        b'{"done":true,"response":"","eval_count":1}\n',
        [End(Usage(tokens=1))],
        False,
    ),
    "end with text": (G, object_line("2026-01-31T12:00:00Z", done="true"), [AT_NOON, BARE], False),
    "stream: false without LF": (G, NOON_LINE[:-1].replace(b"false", b"true"), [AT_NOON, BARE], False),
    "error, string": (
        G,
        NOON_LINE + b'{"error":"out of memory"}\n',
        [AT_NOON, Error("out of memory")],
        False,
    ),
    "error, object": (G, b'{"error":{"message":"no"}}\n', [Error("no")], False),
    "error without LF": (G, b'{"error":"no"}', [Error("no")], False),
    "error is null": (G, b'{"error":null,"response":"a"}\n', [Token(None)], False),
    "broken JSON": (G, NOON_LINE + b'{"model":"m","created\n' + NOON_LINE, [AT_NOON], True),
    "not JSON": (G, b"<html>\n", [], True),
    "not an object": (G, b"[1,2]\n", [], True),
    "two objects in a line": (G, b'{"done":false}{"done":false}\n', [], True),
    "text is a number": (G, NOON_LINE + b'{"response":5}\n', [AT_NOON], True),
    "done is a string": (G, b'{"done":"true"}\n', [], True),
    "time is a number": (G, b'{"created_at":1,"response":"a"}\n', [Token(None)], False),
    "message is a string": (C, b'{"message":"Hi"}\n', [Error("Hi")], False),
    "figure is a string": (G, b'{"done":true,"eval_count":"3"}\n', [End(Usage(tokens=3))], False),
    "figure beyond 64 bits": (G, b'{"done":true,"eval_count":9223372036854775808}\n', [End(Usage())], False),
    "figure far beyond 64 bits": (
        G,
        b'{"done":true,"eval_count":' + b"9" * 40 + b"}\n",
        [End(Usage())],
        False,
    ),
    "bad UTF-8": (G, NOON_LINE + b'{"response":"\xff\xfe"}\n', [AT_NOON], True),
    "UTF-8 cut short": (G, b'{"response":"\xe4\xbd"}\n', [], True),
    "characters of two to four bytes": (
        G,
        '{"response":"é你👩‍🚀"}\n'.encode() + NOON_LINE,
        [Token(None), AT_NOON],
        False,
    ),
    "other line separators in a string": (
        G,
        '{"response":"\u0085\u2028\u2029"}\n'.encode(),
        [Token(None)],
        False,
    ),
    "other whitespace in a string": (
        G,
        b'{"response":"a\x7fb","thinking":"\\u000b"}\n',
        [Token(None)],
        False,
    ),
    "CRLF": (
        G,
        NOON_LINE.replace(b"\n", b"\r\n") + full_end().replace(b"\n", b"\r\n"),
        [AT_NOON, FULL],
        False,
    ),
    "blank lines": (G, b"\n \n\r\n" + NOON_LINE + b"\n\n", [AT_NOON], False),
    "nothing": (G, b"", [], False),
    "last line cut short": (G, NOON_LINE + NOON_LINE[:30], [AT_NOON], False),
    "end cut short": (G, NOON_LINE + full_end()[:-3], [AT_NOON], False),
    "garbage after the end": (G, full_end() + b"<html>\n\xff\xff\n{", [FULL], False),
    "a second end": (G, full_end() + full_end() + NOON_LINE, [FULL], False),
    "garbage after an error": (G, b'{"error":"no"}\n}}}\n' + full_end(), [Error("no")], False),
    "unknown keys": (G, b'{"response":"a","logprobs":[{"x":[1e400]}],"done":false}\n', [Token(None)], False),
}


@pytest.mark.parametrize(("protocol", "data", "events", "undecodable"), CASES.values(), ids=CASES)
def test_bytes_give_these_events_however_they_are_cut(
    protocol: str, data: bytes, events: list[Event], undecodable: bool
) -> None:
    for pieces in cuts(data):
        assert decode(protocol, pieces) == Made(events, undecodable), pieces
    assert decode(protocol, [b"", data, b""], stream=False) == Made(events, undecodable)


def test_a_cold_reader_and_a_warm_one_agree_on_every_second() -> None:
    lines = [
        object_line(f"2026-01-31T12:00:{second:02d}.{rest:09d}Z")
        for second in range(3)
        for rest in (0, 1, 999_999_999)
    ]
    expected: list[Event] = [
        Token(NOON + second * 1_000_000_000 + rest) for second in range(3) for rest in (0, 1, 999_999_999)
    ]
    assert decode(G, [b"".join(lines)]).events == expected


@pytest.mark.parametrize("size", [1 << 16, MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, 10_000_000])
@pytest.mark.parametrize("step", [1 << 14, 1 << 18, MAX_LINE, MAX_LINE + 1, 1 << 30])
def test_a_line_may_be_as_long_as_the_limit_and_no_longer_however_it_comes(size: int, step: int) -> None:
    line = b'{"response":"' + b"x" * (size - 15) + b'"}'
    assert len(line) == size
    data = NOON_LINE + line + b"\n" + full_end()
    made = decode(G, (data[at : at + step] for at in range(0, len(data), step)), max_bytes=MAX_LINE)
    expected = [AT_NOON] if size > MAX_LINE else [AT_NOON, Token(None), FULL]
    assert made == Made(expected, size > MAX_LINE)


def test_a_line_that_never_ends_is_undecodable_at_the_limit() -> None:
    decoder = protocols.load(G).decoder(True)
    assert isinstance(decoder, protocols.Bounded)
    decoder.max_bytes = MAX_LINE
    block = b"x" * (1 << 16)
    decoder.feed(b'{"response":"')
    for _ in range(MAX_LINE // len(block) - 1):
        assert decoder.feed(block) == []
    with pytest.raises(protocols.Undecodable, match="4 MiB"):
        decoder.feed(block)


def test_a_context_of_a_hundred_thousand_tokens_is_read() -> None:
    ending = Ending(Usage(tokens=3), b"2026-01-31T12:00:00Z", context=range(100_000, 200_000))
    assert decode(G, [Encoder("m", "generate").final(ending)]).events == [
        End(Usage(tokens=3, at_ns=NOON, finish_reason="stop"))
    ]


@pytest.mark.parametrize("end", [b"\n", b""])
def test_deep_nesting_is_undecodable_not_a_crash(end: bytes) -> None:
    deep = b'{"a":' * 200_000 + b"1" + b"}" * 200_000
    assert decode(G, [NOON_LINE + deep + end]) == Made([AT_NOON], True)


def test_an_undecodable_line_is_shown_in_one_printable_line() -> None:
    decoder = protocols.load(G).decoder(True)
    with pytest.raises(protocols.Undecodable) as raised:
        decoder.feed(b"\x1b[31m\xff\x00" + b"z" * 500 + b"\n")
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    ("kind", "text"), [("generate", '你好 🌍\n\u2028"\\'), ("chat", "e\u0301"), ("generate", "")]
)
def test_what_is_encoded_is_read_again(kind: Kind, text: str) -> None:
    stamp = b"2026-01-31T12:00:00.000000007Z"
    usage = Usage(total_ns=9, load_ns=None, prompt_tokens=0, prompt_ns=4, tokens=2, decode_ns=1)
    data = Encoder('ein Modell: "ü"', kind).token(text, stamp)
    data += Encoder("m", kind).final(Ending(usage, stamp, "length", [1, 2], text))
    token: list[Event] = [Token(NOON + 7)] if text else []
    last_event = End(
        Usage(total_ns=9, prompt_ns=4, tokens=2, decode_ns=1, at_ns=NOON + 7, finish_reason="length")
    )
    assert decode(f"ollama-{kind}", [data]).events == [*token, *token, last_event]
    first, last = (json.loads(line) for line in data.split(b"\n")[:2])
    assert first["model"] == 'ein Modell: "ü"'
    assert (first["done"], last["done"], last["done_reason"]) == (False, True, "length")
    assert "load_duration" not in last
    assert "prompt_eval_count" not in last
    assert ("context" in last) == (kind == "generate")


def test_the_request_is_what_ollama_expects() -> None:
    wanted = cell(
        protocol=G,
        url="http://h:1/base/",
        model="m",
        options={"num_predict": 3},
        headers={"Authorization": "Bearer x"},
    )
    request = protocols.load(G).request(wanted, Prompt("Häh?"))
    assert (request.method, request.url) == ("POST", "http://h:1/base/api/generate")
    assert request.headers["Authorization"] == "Bearer x"
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == {
        "model": "m",
        "prompt": "Häh?",
        "stream": True,
        "options": {"num_predict": 3},
    }
    assert "Häh?".encode() in request.body


def test_the_chat_request_has_messages_and_the_probe_asks_for_the_model() -> None:
    chat = protocols.load(C)
    whole = cell(protocol=C, url="http://h:1", stream=False, options={})
    body: dict[str, Any] = json.loads(chat.request(whole, Prompt("Why?")).body)
    assert body == {
        "model": whole.workload.model,
        "messages": [{"role": "user", "content": "Why?"}],
        "stream": False,
    }
    probe = chat.probe(whole)
    assert probe is not None
    assert (probe.url, json.loads(probe.body)) == ("http://h:1/api/show", {"model": whole.workload.model})
