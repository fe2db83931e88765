"""Requests and events that a scenario describes: what they may be, and what is said of those that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadgen.model import Events, Prompt, Template
from tests.scenario.conftest import Fail
from tests.scenario.conftest import Load as Loader

URL = "{url: 'http://127.0.0.1:1'}"
SSE = {"target": URL, "protocol": "sse"}


def test_a_request_and_its_events(loaded: Loader) -> None:
    own = loaded(
        **SSE,
        model="m",
        request="{path: /g, headers: {X-Model: '{model}'}, json: {inputs: '{prompt}', n: [1, null]}}",
        events="{text: /token/text, end: '[DONE]', usage: {tokens: /n, finish_reason: /r~1s}}",
    ).workload
    assert own.request == Template(
        method="POST",
        path="/g",
        headers={"X-Model": "{model}"},
        json={"inputs": "{prompt}", "n": [1, None]},
    )
    usage = (("tokens", "/n"), ("finish_reason", "/r~1s"))
    assert own.events == Events(text="/token/text", end="[DONE]", usage=usage)


def test_without_a_place_for_it_no_prompt_is_needed(loaded: Loader, failed: Fail) -> None:
    own = loaded(target=URL, protocol="bytes", prompts=None).workload
    assert (own.prompts, own.request) == ((Prompt(),), Template())
    [problem] = failed(target=URL, protocol="bytes", prompts=None, request="{path: '/?q={prompt}'}")
    assert (problem.key, problem.wrong) == ("prompts", "is missing")


# the request or the events -> the path, what is wrong, and what would be right
WRONG = {
    "{json: {a: ['{promt}']}}": (
        "request.json.a[0]",
        "unknown placeholder {promt}",
        "did you mean {prompt}?",
    ),
    "{path: '/{user}', text: a}": (
        "request.path",
        "unknown placeholder {user}",
        "{prompt} or {model} ({{user}}",
    ),
    "{headers: {X: '{nothing}'}}": (
        "request.headers.X",
        "unknown placeholder {nothing}",
        "{prompt} or {model}",
    ),
    '{text: \'{"a": "{prompt}"\'}': (
        "request.text",
        "is not JSON after filling: Expecting",
        "json: in place",
    ),
    "{text: 'a', headers: {Content-Type: application/json}}": ("request.text", "is not JSON after", "header"),
    "{method: GET, json: {}}": ("request.json", "is a body, which a GET has not", "method: POST"),
    "{method: FETCH}": ("request.method", "'FETCH' is not a method", "did you mean PATCH?"),
    "{text: a, file: b}": ("request.file", "is a second body beside text", "one of text, json and file"),
    "{file: body.bin}": ("request.file", "there is no such file", "did you mean body.txt?"),
    "{path: generate}": ("request.path", "is not the path of a request", "such as /generate"),
    "{path: /a b}": ("request.path", "cannot hold", "%XX"),
    "{headers: {Content-Length: '3'}}": (
        "request.headers.Content-Length",
        "is set by loadgen",
        "leave it out",
    ),
    "{bdoy: a}": ("request.bdoy", "unknown key", "one of method, path, headers, text, json, file"),
}
POINTERS = {
    "{text: token.text}": ("events.text", "'token.text' is not a JSON Pointer", "did you mean /token/text?"),
    "{text: '$.choices[0].delta'}": (
        "events.text",
        "is not a JSON Pointer",
        "did you mean /choices/0/delta?",
    ),
    "{error: /a~2}": ("events.error", "is not a JSON Pointer", "~0 for ~"),
    "{end: /a~}": ("events.end", "is not a JSON Pointer", "~1 for /"),
    "{usage: {tokens: n}}": ("events.usage.tokens", "is not a JSON Pointer", "did you mean /n?"),
    "{usage: {token: /n}}": ("events.usage.token", "unknown key", "did you mean tokens?"),
}


@pytest.mark.parametrize("request_", WRONG)
def test_a_request_that_cannot_be(failed: Fail, tmp_path: Path, request_: str) -> None:
    (tmp_path / "body.txt").write_text("a", encoding="utf-8")
    problems = failed(**SSE, model="m", request=request_)
    key, wrong, right = WRONG[request_]
    assert any((p.where, p.key) == ("9", key) and wrong in p.wrong and right in p.right for p in problems), (
        problems
    )


@pytest.mark.parametrize("events", POINTERS)
def test_events_that_cannot_be(failed: Fail, events: str) -> None:
    [problem] = failed(**SSE, events=events)
    key, wrong, right = POINTERS[events]
    assert (problem.where, problem.key) == ("8", key)
    assert wrong in problem.wrong
    assert right in problem.right


def test_keys_of_another_protocol(failed: Fail) -> None:
    [request, events] = failed(protocol="ollama-chat", request="{path: /a}", events="{text: /a}")
    assert (request.where, request.key, events.where, events.key) == ("8", "request", "9", "events")
    assert "bytes or ndjson or sse" in request.right
    assert "ndjson or sse" in events.right
    [events] = failed(target=URL, protocol="bytes", events="{text: /a}")
    assert events.wrong == "is not for bytes, which has no events"
    found = failed(
        target=URL,
        protocol="bytes",
        slo="{ttft_ms: 1, total_ms: 1}",
        thresholds="[itl_p99_ms < 5, errors < 1%]",
    )
    assert {(problem.key, problem.wrong) for problem in found} == {
        ("slo.ttft_ms", "is not for bytes, which has no tokens"),
        ("thresholds[0]", "is not for bytes, which has no tokens"),
    }
    for protocol, own in (("ollama-chat", "bytes"), ("bytes", "sse")):
        found = failed(
            target=URL, protocol=protocol, clients=f"[requests, {{client: floor, protocol: {own}}}]"
        )
        assert f"{own} cannot be compared with {protocol}: bytes has no tokens" in [
            each.wrong for each in found
        ]
        assert "clients[1].protocol" in [each.key for each in found]
    found = failed(**SSE, options="{a: 1}", body="{a: 1}", stream="false")
    assert [problem.key for problem in found] == ["options", "body", "stream"]
    [end] = failed(target=URL, protocol="ndjson", events="{end: '[DONE]'}")
    assert (end.key, end.wrong) == ("events.end", "'[DONE]' is not a JSON Pointer")


def test_a_model_that_is_named_must_be_known(failed: Fail) -> None:
    [problem] = failed(**SSE, request="{json: {model: '{model}'}}")
    assert (problem.key, problem.wrong) == ("model", "is missing, and the request has {model}")
