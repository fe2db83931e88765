from __future__ import annotations

import http.client
import json
import time
from typing import Any

import pytest

from loadgen.protocols import stamps
from tests.simulator.conftest import Start
from tests.simulator.wire import Wire, chat, generate, get, post

JSON = "application/json; charset=utf-8"


def test_about_the_server(start: Start) -> None:
    with Wire(start(models=("a:1b", "b")).url) as wire:
        root = wire.ask(get("/"))
        assert (root.status, root.body, root.headers["content-type"]) == (
            200, b"Ollama is running", "text/plain; charset=utf-8",
        )  # fmt: skip
        wire.send(get("/", "HEAD"))
        head = wire.answer(head_only=True)
        assert (head.status, head.headers["content-length"]) == (200, "17")

        version = wire.ask(get("/api/version"))
        assert version.headers["content-type"] == JSON
        assert list(version.objects[0]) == ["version"]

        tags = wire.ask(get("/api/tags")).objects[0]["models"]
        assert [model["name"] for model in tags] == ["a:1b", "b:latest"]
        assert {"name", "model", "modified_at", "size", "digest", "details"} <= set(tags[0])

        assert wire.ask(get("/api/ps")).objects == [{"models": []}]
        wire.ask(generate(model="b"))
        running = wire.ask(get("/api/ps")).objects[0]["models"]
        assert [model["name"] for model in running] == ["b:latest"]
        assert stamps.parse(running[0]["expires_at"]) == pytest.approx(time.time_ns() + 300e9, abs=60e9)

        shown = wire.ask(post("/api/show", {"model": "a:1b"})).objects[0]
        assert {"details", "model_info", "capabilities"} <= set(shown)


@pytest.mark.parametrize(
    ("request_bytes", "status", "body"),
    [
        (generate(model="x"), 404, {"error": "model 'x' not found"}),
        (generate(model="x", stream=False), 404, {"error": "model 'x' not found"}),
        (chat(model="x"), 404, {"error": "model 'x' not found"}),
        (generate(model="x", prompt=""), 404, {"error": "model 'x' not found"}),
        (post("/api/show", {"model": "x"}), 404, {"error": "model 'x' not found"}),
        (generate(model=None), 404, {"error": "model '' not found"}),
        (chat(model=""), 400, {"error": "model is required"}),
        (post("/api/show", {}), 400, {"error": "model is required"}),
        (post("/api/generate", b""), 400, {"error": "missing request body"}),
        (get("/nonsense"), 404, b"404 page not found"),
        (get("/api/generate"), 405, b"405 method not allowed"),
        (get("/api/tags", "DELETE"), 405, b"405 method not allowed"),
    ],
)
def test_errors_as_ollama_words_them(start: Start, request_bytes: bytes, status: int, body: Any) -> None:
    process = start(models=("m:latest",))
    allowed = {get("/api/generate"): "POST", get("/api/tags", "DELETE"): "GET, HEAD"}
    with Wire(process.url) as wire:
        answer = wire.ask(request_bytes)
        assert answer.status == status
        assert answer.headers.get("allow") == allowed.get(request_bytes)
        assert (answer.body if isinstance(body, bytes) else answer.objects[0]) == body
        assert wire.ask(generate()).objects[-1]["done"], "the connection stays in use"
    assert process.log().streams == 1, "what was refused is no stream"


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"\xff", b"[]", b"[" * 100_000, b'{"model":1,"prompt":"x"}', b'{"model":"m","prompt":["x"]}',
        b'{"model":"m","prompt":"x","stream":"yes"}',
        b'{"model":"m","prompt":"x","options":{"num_predict":"5"}}',
        b'{"model":"m","prompt":"x","options":{"num_predict":true}}',
        b'{"model":"m","prompt":"x","options":{"num_predict":2.5}}',
        b'{"model":"m","prompt":"x","keep_alive":"soon"}',
        b'{"model":"m","prompt":"x","keep_alive":[]}', b'{"model":"m","prompt":"x","options":[]}',
    ],
)  # fmt: skip
def test_bodies_that_are_no_request(start: Start, body: bytes) -> None:
    with Wire(start().url) as wire:
        answer = wire.ask(post("/api/generate", body))
        assert answer.status == 400
        assert answer.objects[0]["error"]
        assert wire.ask(post("/api/chat", {"model": "m", "messages": ["x"]})).status == 400
        assert wire.ask(generate()).status == 200


def test_bytes_that_are_no_http_get_a_400_and_the_door(start: Start) -> None:
    with Wire(start().url) as wire:
        answer = wire.ask(b"hello?\r\n\r\n")
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert wire.gone()


def test_a_very_long_prompt_and_a_very_long_stay(start: Start) -> None:
    with Wire(start().url) as wire:
        last = wire.ask(generate(prompt="x" * 4_000_000, keep_alive=1e30)).objects[-1]
        assert last["prompt_eval_count"] == 1_000_000
        assert len(last["context"]) == 40_960
        assert wire.ask(get("/api/ps")).objects[0]["models"][0]["expires_at"] > "2100"


def test_a_name_of_any_characters_comes_back(start: Start) -> None:
    with Wire(start().url) as wire:
        odd = 'a"\\\n模型\U0001f600'
        assert {item["model"] for item in wire.ask(generate(model=odd)).objects} == {odd}
        assert wire.ask(post("/api/generate", b'{"model":"\\ud800","prompt":"x"}')).objects[0]["model"] == "?"


def test_chunked_bodies_and_expect(start: Start) -> None:
    with Wire(start().url) as wire:
        body = json.dumps({"model": "m", "prompt": "x"}).encode()
        wire.send(b"POST /api/generate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        wire.send(b"5\r\n" + body[:5] + b"\r\n").send(b"%x\r\n" % len(body[5:]) + body[5:] + b"\r\n0\r\n\r\n")
        assert wire.answer().objects[-1]["done"]
        wire.send(
            b"POST /api/generate HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
            % len(body)
        )
        assert wire.head().status == 100
        wire.send(body)
        assert wire.answer().objects[-1]["done"]


def test_pipelined_requests_are_answered_in_order(start: Start) -> None:
    process = start()
    with Wire(process.url) as wire:
        wire.send(generate(model="a") + get("/api/version") + generate(model="b", stream=False) + get("/x"))
        first, version, second, lost = (wire.answer() for _ in range(4))
        assert first.objects[-1]["model"] == "a"
        assert "version" in version.objects[0]
        assert second.objects[0]["model"] == "b"
        assert lost.status == 404
    assert process.log().open_peak == 1


def test_http_1_0_ends_with_the_connection(start: Start) -> None:
    url = start().url
    with Wire(url) as wire:
        answer = wire.ask(post("/api/generate", {"model": "m", "prompt": "x"}, version="1.0"))
        assert "transfer-encoding" not in answer.headers
        assert answer.headers["connection"] == "close"
        assert len(answer.objects) == 21
    with Wire(url) as wire:
        wire.ask(post("/api/show", {"model": "m"}, "Connection: close"))
        assert wire.gone()


def test_http_client_reads_it(start: Start) -> None:
    connection = http.client.HTTPConnection(start().url.removeprefix("http://"), timeout=20)
    for _ in range(2):
        connection.request("POST", "/api/chat", json.dumps({"model": "m", "messages": [{"content": "x"}]}))
        lines = connection.getresponse().read().splitlines()
        assert json.loads(lines[-1])["eval_count"] == len(lines) - 1 == 20
    connection.close()
