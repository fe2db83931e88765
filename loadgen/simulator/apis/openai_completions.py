"""OpenAI's completions, as Ollama, vLLM and llama.cpp offer them under ``/v1``. They carry no send times."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from loadgen.protocols.encoder import to_json
from loadgen.protocols.openai_completions import Encoder
from loadgen.simulator.apis import Api
from loadgen.simulator.apis.openai_chat import MODELS, StreamOptions
from loadgen.simulator.http import HttpError, Request
from loadgen.simulator.stream import Inference


class _Body(msgspec.Struct):
    model: str | None = None
    prompt: Any = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    seed: int | None = None


def _read(request: Request) -> Inference:
    body = request.json(_Body)
    if not body.model:
        raise HttpError(400, "model is required")
    if not body.prompt or not isinstance(body.prompt, str | list):
        raise HttpError(400, "prompt: a text, or a list of one, is required")
    options = body.stream_options or StreamOptions()
    return Inference(
        encoder=Encoder(body.model, bool(options.include_usage)),
        stream=bool(body.stream),
        prompt=to_json(body.prompt),
        limit=body.max_tokens or 0,
        seed=body.seed,
    )


API: Final = Api(path="/v1/completions", read=_read, refusals=Encoder(""), more=MODELS)
