"""What a stream asks, as each protocol writes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from loadgen import protocols
from loadgen.model import Message, Prompt
from loadgen.protocols.anthropic import MAX_TOKENS
from tests.lab.cells import cell

CHAT = Prompt(messages=(Message("system", "Be brief."), Message("user", "Why?")))
USER = [{"role": "user", "content": "Why?"}]


def body(protocol: str, prompt: Prompt, **changes: Any) -> dict[str, Any]:
    request = protocols.load(protocol).request(cell(protocol=protocol, **changes), prompt)
    return dict(json.loads(request.body))


FIELDS = {"openai-responses": "input"}  # of the messages, where it is another


@pytest.mark.parametrize("name", [name for name in protocols.BUILTIN if protocols.takes_messages(name)])
def test_a_text_is_one_message_of_the_user_and_messages_are_sent_as_they_are(name: str) -> None:
    field = FIELDS.get(name, "messages")
    assert body(name, Prompt("Why?"))[field] == USER
    found = body(name, CHAT)
    system = [{"role": "system", "content": found["system"]}] if name.startswith("anthropic") else []
    assert [*system, *found[field]] == [{"role": "system", "content": "Be brief."}, *USER]


def test_a_text_is_the_prompt_of_a_completion() -> None:
    assert body("openai-completions", Prompt("Why?"))["prompt"] == "Why?"


def test_messages_of_anthropic_name_the_version_and_a_limit_that_the_scenario_may_replace() -> None:
    protocol, prompt = protocols.load("anthropic-messages"), Prompt("Why?")
    request = protocol.request(cell(), prompt)
    assert (request.url, request.headers["anthropic-version"]) == (
        "http://127.0.0.1:1/v1/messages",
        "2023-06-01",
    )
    own = protocol.request(cell(headers={"Anthropic-Version": "2026-01-01"}), prompt).headers
    assert {name: own[name] for name in own if name.lower() == "anthropic-version"} == {
        "Anthropic-Version": "2026-01-01"
    }
    assert body("anthropic-messages", prompt)["max_tokens"] == MAX_TOKENS
    for changes in ({"options": {"max_tokens": 9}}, {"body": {"max_tokens": 9}}):
        assert body("anthropic-messages", prompt, **changes)["max_tokens"] == 9


@pytest.mark.parametrize(
    ("protocol", "changes", "place"),
    [
        ("ollama-generate", {}, ["options", "num_predict"]),
        ("ollama-chat", {"options": {"num_predict": 9}}, ["options", "num_predict"]),
        ("openai-chat", {"options": {"max_tokens": 9}}, ["max_tokens"]),
        ("openai-chat", {"options": {"max_completion_tokens": 9}}, ["max_completion_tokens"]),
        ("openai-chat", {"url": "https://api.openai.com/v1"}, ["max_completion_tokens"]),
        ("openai-completions", {"url": "https://api.openai.com/v1"}, ["max_tokens"]),
        ("openai-responses", {}, ["max_output_tokens"]),
        ("anthropic-messages", {"options": {"max_tokens": 9}}, ["max_tokens"]),
    ],
)
def test_the_tokens_asked_for_are_where_the_api_reads_them(
    protocol: str, changes: dict[str, Any], place: list[str]
) -> None:
    found: Any = body(protocol, Prompt("Why?", output_tokens=7), **changes)
    for key in place:
        found = found[key]
    assert found == 7
    assert "7" not in str(body(protocol, Prompt("Why?"), **changes))
