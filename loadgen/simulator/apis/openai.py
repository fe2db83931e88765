"""OpenAI's chat completions, as Ollama, vLLM and llama.cpp offer them under ``/v1``. They carry no send times."""

from __future__ import annotations

from typing import Any, Final

from loadgen.protocols.encoder import to_json
from loadgen.protocols.openai import Encoder
from loadgen.simulator.apis.reading import check_known, field, read_body
from loadgen.simulator.connection import Connection, Routes
from loadgen.simulator.http import HttpError, Request
from loadgen.simulator.state import State
from loadgen.simulator.stream import Inference, Stream


def _chat(state: State, connection: Connection, request: Request) -> None:
    try:
        wanted = _read(read_body(request))
        check_known(state, wanted.encoder.model)
    except HttpError as error:
        connection.answer(error.status, Encoder("").error(str(error), "invalid_request_error"))
        return
    Stream(state, connection, wanted).start()


def _read(body: dict[str, Any]) -> Inference:
    model = field(body, "model", str, "")
    if not model:
        raise HttpError(400, "model is required")
    messages = field(body, "messages", list, [])
    if not messages or not all(isinstance(message, dict) for message in messages):
        raise HttpError(400, "messages: a list of at least one message is required")
    limit = field(body, "max_completion_tokens", int, None) or field(body, "max_tokens", int, None)
    options = field(body, "stream_options", dict, {})
    return Inference(
        encoder=Encoder(model, field(options, "include_usage", bool, False)),
        stream=field(body, "stream", bool, False),
        prompt_bytes=sum(len(to_json(message.get("content"))) for message in messages),
        limit=limit if limit and limit > 0 else None,
        seed=field(body, "seed", int, None),
    )


def _models(state: State, connection: Connection, _: Request) -> None:
    names = state.spec.models or ("simulator",)
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "simulator"} for name in names]
    connection.answer(200, to_json({"object": "list", "data": models}))


ROUTES: Final[Routes] = {
    "/v1/chat/completions": {"POST": _chat},
    "/v1/models": {"GET": _models},
}
