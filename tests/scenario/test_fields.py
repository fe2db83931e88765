"""Fields of requests: where they go, and what is said of those that would be ignored."""

from __future__ import annotations

import json

import pytest

from loadgen import protocols
from loadgen.model import Cell, Prompt
from loadgen.scenario.described import DESCRIBED
from tests.lab.cells import cell
from tests.scenario.conftest import Fail
from tests.scenario.conftest import Load as Loader

# protocol, key of the scenario, its value -> the paths warned of, and what is offered
MISPLACED = [
    ("ollama-generate", "options", "{think: false}", {"options.think": "body.think"}),
    ("ollama-chat", "body", "{model: other}", {"body.model": "model, a key of its own"}),
    ("openai-chat", "body", "{model: null}", {}),
    ("ollama-chat", "options", "{format: json, top_p: 1}", {"options.format": "body.format"}),
    (
        "ollama-chat",
        "options",
        "{keep_alive: 0, system: x, tools: []}",
        {
            "options.keep_alive": "body.keep_alive",
            "options.system": "a message with the role system",
            "options.tools": "body.tools",
        },
    ),
    ("ollama-generate", "options", "{max_tokens: 5}", {"options.max_tokens": "options.num_predict"}),
    ("ollama-generate", "options", "{num_predcit: 5}", {"options.num_predcit": "options.num_predict"}),
    ("ollama-generate", "options", "{reasoning_effort: low}", {"options.reasoning_effort": "body.think"}),
    ("ollama-generate", "body", "{num_predict: 5}", {"body.num_predict": "options.num_predict"}),
    ("ollama-chat", "body", "{seed: 5, think: false}", {"body.seed": "options.seed"}),
    ("ollama-chat", "body", "{max_completion_tokens: 5}", {"body.max_completion_tokens": "options.num_predict"}),
    ("ollama-generate", "body", "{options: {raw: true}}", {"body.options.raw": "body.raw"}),
    ("openai-chat", "options", "{num_predict: 5}", {"options.num_predict": "options.max_tokens"}),
    ("openai-chat", "body", "{keep_alive: 5m, top_k: 3}", {"body.keep_alive": "leave it out"}),
    ("openai-chat", "body", "{format: json}", {"body.format": "body.response_format"}),
    ("ollama-chat", "body", "{system: x}", {"body.system": "a message with the role system"}),
    ("ollama-generate", "body", "{keepalive: 0, tools: []}",
     {"body.keepalive": "body.keep_alive", "body.tools": "leave it out"}),
    ("ollama-generate", "body", "{extra_body: {think: false}}", {"body.extra_body": "its keys under body"}),
    ("openai-chat", "options", "{extra_body: {top_k: 3}, timeout: 3}",
     {"options.extra_body": "its keys under body", "options.timeout": "timeouts"}),
    ("openai-chat", "body", "{include_usage: true, max_output_tokens: 5, stop_sequences: [a], repeat_penalty: 1}",
     {"body.include_usage": "body.stream_options.include_usage", "body.max_output_tokens": "body.max_tokens",
      "body.stop_sequences": "body.stop", "body.repeat_penalty": "body.repetition_penalty"}),
    ("openai-chat", "body", "{system: Be brief., prompt: Why?}",
     {"body.system": "a message with the role system", "body.prompt": "prompts"}),
    ("openai-completions", "body", "{max_completion_tokens: 5, tools: [], messages: []}",
     {"body.max_completion_tokens": "body.max_tokens", "body.tools": "leave it out", "body.messages": "prompts"}),
    ("openai-responses", "options", "{max_tokens: 5, reasoning_effort: low, stop: [a], system: x, response_format: x}",
     {"options.max_tokens": "options.max_output_tokens", "options.reasoning_effort": "options.reasoning",
      "options.stop": "leave it out", "options.system": "options.instructions",
      "options.response_format": "options.text"}),
    ("anthropic-messages", "options", "{stop: [a], seed: 1, think: true, num_predict: 5}",
     {"options.stop": "options.stop_sequences", "options.seed": "leave it out", "options.think": "options.thinking",
      "options.num_predict": "options.max_tokens"}),
]  # fmt: skip
SOUND = [
    ("ollama-generate", "options", "{num_predict: 5, temperature: 0, stop: [a], num_thread: 2}"),
    ("ollama-chat", "body", "{think: false, keep_alive: 5m, format: json, x_gateway: a}"),
    ("openai-chat", "options", "{max_tokens: 5, temperature: 0}"),
    ("openai-chat", "body", "{stream_options: null, top_k: 3}"),
    (
        "openai-chat",
        "options",
        "{max_completion_tokens: 5, ignore_eos: true, chat_template_kwargs: {}, num_predict: null}",
    ),
    ("openai-completions", "options", "{max_tokens: 5, echo: false, ignore_eos: true, min_tokens: 5}"),
    (
        "openai-responses",
        "options",
        "{max_output_tokens: 5, reasoning: {effort: low}, instructions: x, store: false}",
    ),
    (
        "anthropic-messages",
        "options",
        "{max_tokens: 5, thinking: {type: disabled}, system: x, stop_sequences: [a]}",
    ),
]


@pytest.mark.parametrize(("protocol", "key", "value", "wanted"), MISPLACED)
def test_misplaced_fields_are_warned_of(
    loaded: Loader, protocol: str, key: str, value: str, wanted: dict[str, str]
) -> None:
    warnings = loaded(protocol=protocol, **{key: value}).warnings
    assert len(warnings) == len(wanted)
    for warning, (path, right) in zip(warnings, wanted.items(), strict=True):
        assert f"s.yaml:8: {path}: " in warning
        assert right in warning


@pytest.mark.parametrize(("protocol", "key", "value"), SOUND)
def test_fields_in_their_place_are_not(loaded: Loader, protocol: str, key: str, value: str) -> None:
    assert not loaded(protocol=protocol, **{key: value}).warnings


@pytest.mark.parametrize(
    ("key", "right"),
    [("num_predict", "options.num_predict"), ("think", "body.think"), ("max_tokens", "options.num_predict"),
     ("format", "body.format"), ("prompt", "prompts")],
)  # fmt: skip
def test_a_field_at_the_top_of_the_scenario_has_a_place(failed: Fail, key: str, right: str) -> None:
    [problem] = failed(**{key: "5"})
    assert problem.right == f"did you mean {right}?"


def body_of(protocol: str, **changes: object) -> dict[str, object]:
    made: Cell = cell(protocol=protocol, **changes)
    body: dict[str, object] = json.loads(protocols.load(protocol).request(made, Prompt("hello")).body)
    return body


@pytest.mark.parametrize("protocol", [name for name in protocols.BUILTIN if name not in DESCRIBED])
def test_body_adds_replaces_and_removes(protocol: str) -> None:
    plain = body_of(protocol)
    changed = body_of(protocol, body={"think": False, "model": None, "extra": {"a": None}})
    assert changed == {key: value for key, value in plain.items() if key != "model"} | {
        "think": False, "extra": {"a": None},
    }  # fmt: skip


def test_a_server_that_refuses_stream_options_gets_none() -> None:
    assert "stream_options" in body_of("openai-chat")
    assert "stream_options" not in body_of("openai-chat", body={"stream_options": None})


def test_the_probe_is_not_changed_by_body() -> None:
    probe = protocols.load("ollama-chat").probe(cell(protocol="ollama-chat", body={"think": False}))
    assert probe
    assert json.loads(probe.body) == {"model": "m"}


def test_stream_has_a_key_of_its_own(failed: Fail) -> None:
    [problem] = failed(body="{stream: false}")
    assert problem.key == "body.stream"
