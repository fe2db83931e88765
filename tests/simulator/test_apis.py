"""Every API of the simulator, requested and read by its protocol's own file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from loadgen import protocols
from loadgen.model import Prompt, Request, Simulator
from loadgen.protocols import End, Error, Event, Token, errors
from loadgen.simulator.apis import APIS, DESCRIBED
from loadgen.simulator.process import Process
from loadgen.simulator.stream import ERROR_TEXT
from tests.lab.cells import cell
from tests.simulator.wire import Answer, Wire

SHARED = {"ttft": 0.002, "gap": 0.001, "tokens": 5, "distribution": "constant", "models": ("m",)}
NEWER = ("openai-completions", "openai-responses", "anthropic-messages")
CUT = {"anthropic-messages": "max_tokens", "openai-responses": "max_output_tokens"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Process(Simulator(**SHARED)) as process:  # type: ignore[arg-type]
        yield process.url


def wanted(name: str, url: str, prompt: Prompt | None = None, **changes: Any) -> Request:
    return protocols.load(name).request(cell(url=url, protocol=name, **changes), prompt or Prompt("Why?"))


def ask(request: Request, body: bytes | None = None) -> Answer:
    base, _, path = request.url.removeprefix("http://").partition("/")
    data = request.body if body is None else body
    head = f"{request.method} /{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
    with Wire(f"http://{base}") as wire:
        return wire.ask(head.encode() + data)


def events(name: str, answer: Answer, *, stream: bool = True) -> list[Event]:
    decoder = protocols.load(name).decoder(stream)
    return [*decoder.feed(answer.body), *decoder.eof()]


@pytest.mark.parametrize("name", NEWER)
def test_a_stream_and_a_whole_answer_end_with_their_counts(url: str, name: str) -> None:
    *tokens, end = events(name, ask(wanted(name, url)))
    assert tokens == [Token(None)] * 5
    whole, same = events(name, ask(wanted(name, url, stream=False)), stream=False)
    assert (whole, same) == (Token(None), end)
    assert isinstance(end, End)
    assert (end.usage.tokens, end.usage.prompt_tokens) == (5, 2)


@pytest.mark.parametrize("name", NEWER)
def test_a_limit_ends_an_answer(url: str, name: str) -> None:
    answer = ask(wanted(name, url, Prompt("Why?", output_tokens=2)))
    *tokens, end = events(name, answer)
    assert len(tokens) == 2
    assert isinstance(end, End)
    assert end.usage.finish_reason == CUT.get(name, "length")


@pytest.mark.parametrize("name", NEWER)
def test_an_error_has_the_shape_of_the_api(url: str, name: str) -> None:
    answer = ask(wanted(name, url, model="x"))
    assert (answer.status, errors.said(answer.body)) == (404, "model 'x' not found")
    assert answer.objects[0]["error"]["type"] in ("not_found_error", "invalid_request_error")
    assert ask(wanted(name, url), b"{").status == 400
    body = json.loads(wanted(name, url).body)
    for key in set(body) - {"stream", "stream_options"}:
        missing = ask(wanted(name, url), json.dumps({**body, key: None}).encode())
        assert (missing.status, bool(errors.said(missing.body))) == (400, True), key


@pytest.mark.parametrize("name", [name for name in APIS if name not in DESCRIBED])
def test_an_error_inside_a_stream_is_one_to_the_decoder(name: str) -> None:
    spec = Simulator(**{**SHARED, "faults": {"error_line": 1}})  # type: ignore[arg-type]
    with Process(spec) as process:
        assert events(name, ask(wanted(name, process.url)))[-1] == Error(ERROR_TEXT)
