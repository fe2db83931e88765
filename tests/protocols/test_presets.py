"""The named protocols as templates and pointers: the same bytes have the same tokens, end and counts."""

from __future__ import annotations

import pytest

from loadgen import protocols
from loadgen.model import Events, Usage
from loadgen.protocols import Decoder, End, Event, Token, anthropic, ollama, openai
from loadgen.protocols.encoder import Encoder, Ending
from tests.lab.cells import cell

STAMP = b"2026-01-31T12:00:00.123456789Z"
OPENAI = Events(
    text="/choices/0/delta/content",
    end="[DONE]",
    error="/error",
    usage=(("tokens", "/usage/completion_tokens"),),
)
PRESETS: dict[str, tuple[str, Events, Encoder]] = {
    "ollama-generate": (
        "ndjson",
        Events(text="/response", end="/done", error="/error", usage=(("tokens", "/eval_count"),)),
        ollama.Encoder("m", "generate"),
    ),
    "ollama-chat": (
        "ndjson",
        Events(text="/message/content", end="/done", error="/error", usage=(("tokens", "/eval_count"),)),
        ollama.Encoder("m", "chat"),
    ),
    "openai-chat": ("sse", OPENAI, openai.Encoder("m", include_usage=True)),
    "anthropic-messages": (
        "sse",
        Events(text="/delta/text", error="/error", usage=(("tokens", "/usage/output_tokens"),)),
        anthropic.Encoder("m"),
    ),
}


def of(decoder: Decoder, body: bytes) -> tuple[int, int | None, type[Event]]:
    """Return how many tokens there are, how many the server counted, and how it ended."""
    events = [*decoder.feed(body), *decoder.eof()]
    last = events[-1]
    counted = last.usage.tokens if isinstance(last, End) else None
    return sum(isinstance(event, Token) for event in events), counted, type(last)


@pytest.mark.parametrize("name", PRESETS)
def test_both_find_the_same(name: str) -> None:
    framing, events, encoder = PRESETS[name]
    tokens = b"".join(encoder.token(text, STAMP) for text in ("Hi", " ", "there"))
    body = encoder.opening() + tokens + encoder.final(Ending(Usage(tokens=3, prompt_tokens=5), STAMP))
    generic = protocols.of(cell(protocol=framing, events=events).workload).decoder(True)
    assert of(generic, body) == of(protocols.load(name).decoder(True), body) == (3, 3, End)
