"""OpenAI's responses, as Ollama, vLLM and llama.cpp offer them under ``/v1``. They carry no send times."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from loadgen.protocols.encoder import to_json
from loadgen.protocols.openai_responses import Encoder
from loadgen.simulator.apis import Api
from loadgen.simulator.apis.openai_chat import MODELS
from loadgen.simulator.http import HttpError, Request
from loadgen.simulator.stream import Inference


class _Body(msgspec.Struct):
    model: str | None = None
    input: Any = None
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: int | None = None


def _read(request: Request) -> Inference:
    body = request.json(_Body)
    if not body.model:
        raise HttpError(400, "model is required")
    if not body.input or not isinstance(body.input, str | list):
        raise HttpError(400, "input: a text, or a list of at least one item, is required")
    items = [body.input] if isinstance(body.input, str) else body.input
    texts = [item.get("content") if isinstance(item, dict) else item for item in items]
    return Inference(
        encoder=Encoder(body.model),
        stream=bool(body.stream),
        prompt=b"".join(map(to_json, [body.instructions, *texts] if body.instructions else texts)),
        limit=body.max_output_tokens or 0,
        seed=None,
    )


API: Final = Api(path="/v1/responses", read=_read, refusals=Encoder(""), more=MODELS)
