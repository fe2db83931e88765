"""What a stream asks, as each protocol writes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from loadgen import protocols
from loadgen.model import Message, Prompt
from tests.lab.cells import cell

CHAT = Prompt(messages=(Message("system", "Be brief."), Message("user", "Why?")))
USER = [{"role": "user", "content": "Why?"}]


def body(protocol: str, prompt: Prompt, **changes: Any) -> dict[str, Any]:
    request = protocols.load(protocol).request(cell(protocol=protocol, **changes), prompt)
    return dict(json.loads(request.body))


@pytest.mark.parametrize("name", [name for name in protocols.BUILTIN if protocols.takes_messages(name)])
def test_a_text_is_one_message_of_the_user_and_messages_are_sent_as_they_are(name: str) -> None:
    assert body(name, Prompt("Why?"))["messages"] == USER
    assert body(name, CHAT)["messages"] == [{"role": "system", "content": "Be brief."}, *USER]


@pytest.mark.parametrize(
    ("protocol", "changes", "place"),
    [
        ("ollama-generate", {}, ["options", "num_predict"]),
        ("ollama-chat", {"options": {"num_predict": 9}}, ["options", "num_predict"]),
        ("openai-chat", {"options": {"max_tokens": 9}}, ["max_tokens"]),
        ("openai-chat", {"options": {"max_completion_tokens": 9}}, ["max_completion_tokens"]),
        ("openai-chat", {"url": "https://api.openai.com/v1"}, ["max_completion_tokens"]),
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
