"""What the simulator encodes is what the protocol decodes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadgen import protocols, registry
from loadgen.model import Usage
from loadgen.protocols import End, Error, Event, Token, errors
from loadgen.protocols.encoder import Encoder, Ending
from loadgen.simulator.apis import APIS
from tests.protocols.feeding import cuts, decode

STAMP = b"2026-01-31T12:00:00.123456789Z"
TEXTS = ["Hi ", '"你好"\n', "\u2028</script>", "data: [DONE]\n\n"]
USAGE = Usage(prompt_tokens=7, tokens=4)
ENCODED = [name for name in APIS if name.startswith(("ollama-", "openai-", "anthropic-"))]


def encoder_of(name: str) -> Encoder:
    of = registry.load(APIS[name], "", name).refusals
    own = {"include_usage": True, "kind": name.removeprefix("ollama-")}
    found: Encoder = replace(of, model="m", **{key: value for key, value in own.items() if hasattr(of, key)})
    return found


def plain(events: list[Event]) -> list[object]:
    """Return the events without times, and of the end the counts."""
    return [
        (event.usage.prompt_tokens, event.usage.tokens) if isinstance(event, End) else
        event.kind if isinstance(event, Token) else event
        for event in events
    ]  # fmt: skip


def streamed(encoder: Encoder, ending: Ending) -> bytes:
    return encoder.opening() + b"".join(encoder.token(text, STAMP) for text in TEXTS) + encoder.final(ending)


@pytest.mark.parametrize("name", ENCODED)
@pytest.mark.parametrize("reason", ["stop", "length"])
def test_an_answer_is_decoded_wherever_it_is_cut(name: str, reason: str) -> None:
    encoder = encoder_of(name)
    ending = Ending(USAGE, STAMP, reason, text="".join(TEXTS))
    if not encoder.repeats_text:
        ending = replace(ending, text="")
    data = streamed(encoder, ending)
    for pieces in [*cuts(data)][:: max(1, len(data) // 300)]:
        assert plain(decode(name, pieces).events) == ["answer"] * len(TEXTS) + [(7, 4)]
    whole = encoder.whole(replace(ending, text="".join(TEXTS)))
    assert plain(decode(name, [whole], stream=False).events) == ["answer", (7, 4)]


@pytest.mark.parametrize("name", ENCODED)
def test_an_error_is_decoded(name: str) -> None:
    encoder = encoder_of(name)
    begun = encoder.opening() + encoder.token("Hi", STAMP)
    assert plain(decode(name, [begun + encoder.failure("boom")]).events) == ["answer", Error("boom")]
    assert [errors.said(encoder.error("boom", status)) for status in (400, 404, 429, 500, 503)] == [
        "boom"
    ] * 5


@pytest.mark.parametrize("name", [name for name in ENCODED if hasattr(protocols.load(name), "answer")])
def test_the_text_of_an_answer_is_what_was_encoded(name: str) -> None:
    encoder, text = encoder_of(name), "".join(TEXTS)
    for data in (streamed(encoder, Ending(USAGE, STAMP)), encoder.whole(Ending(USAGE, STAMP, text=text))):
        assert protocols.load(name).answer(data) == text  # type: ignore[attr-defined]
