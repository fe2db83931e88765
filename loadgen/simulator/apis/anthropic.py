"""Anthropic's messages, as Ollama and llama.cpp offer them too. They carry no send times."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from loadgen.protocols.anthropic import Encoder
from loadgen.protocols.encoder import to_json
from loadgen.simulator.apis import Api
from loadgen.simulator.apis.openai_chat import MODELS
from loadgen.simulator.http import HttpError, Request
from loadgen.simulator.stream import Inference


class _Body(msgspec.Struct):
    model: str | None = None
    messages: list[dict[str, Any]] | None = None
    system: Any = None
    stream: bool | None = None
    max_tokens: int | None = None


def _read(request: Request) -> Inference:
    body = request.json(_Body)
    for field in ("model", "messages", "max_tokens"):
        if not getattr(body, field):
            raise HttpError(400, f"{field}: Field required")
    assert body.model
    assert body.messages
    assert body.max_tokens
    texts = [message.get("content") for message in body.messages]
    return Inference(
        encoder=Encoder(body.model),
        stream=bool(body.stream),
        prompt=b"".join(map(to_json, [body.system, *texts] if body.system else texts)),
        limit=body.max_tokens,
        seed=None,
    )


API: Final = Api(path="/v1/messages", read=_read, refusals=Encoder(""), more=MODELS)
