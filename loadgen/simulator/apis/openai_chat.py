"""OpenAI's chat completions, as Ollama, vLLM and llama.cpp offer them under ``/v1``. They carry no send times."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from loadgen.protocols.encoder import to_json
from loadgen.protocols.openai import Encoder
from loadgen.simulator.apis import Api
from loadgen.simulator.connection import Routes
from loadgen.simulator.http import HttpError, Request
from loadgen.simulator.state import State
from loadgen.simulator.stream import Inference


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Body(msgspec.Struct):
    model: str | None = None
    messages: list[dict[str, Any]] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    seed: int | None = None


def _read(request: Request) -> Inference:
    body = request.json(_Body)
    if not body.model:
        raise HttpError(400, "model is required")
    if not body.messages:
        raise HttpError(400, "messages: a list of at least one message is required")
    options = body.stream_options or StreamOptions()
    return Inference(
        encoder=Encoder(body.model, bool(options.include_usage)),
        stream=bool(body.stream),
        prompt=b"".join(to_json(message.get("content")) for message in body.messages),
        limit=body.max_completion_tokens or body.max_tokens or 0,
        seed=body.seed,
    )


def _models(state: State, *_: object) -> dict[str, Any]:
    names = state.spec.models or ("simulator",)
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "simulator"} for name in names]
    return {"object": "list", "data": models}


MODELS: Final[Routes] = {"/v1/models": {"GET": _models}}
API: Final = Api(path="/v1/chat/completions", read=_read, refusals=Encoder(""), more=MODELS)
