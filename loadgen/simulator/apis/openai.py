"""OpenAI's chat completions, as Ollama, vLLM and llama.cpp offer them under ``/v1``. They carry no send times."""

from __future__ import annotations

from typing import Any, Final

from loadgen.model import Usage
from loadgen.protocols import sse
from loadgen.protocols.openai import error_body, final_events, role_event, token_event, whole_body
from loadgen.simulator import http
from loadgen.simulator.apis.reading import Refused, encode, field, read_body
from loadgen.simulator.connection import Connection, Routes
from loadgen.simulator.encoding import Asked
from loadgen.simulator.scheduler import full_name
from loadgen.simulator.state import State
from loadgen.simulator.stream import Stream


class Answers:
    """See :class:`loadgen.simulator.encoding.Api`."""

    content_type = b"text/event-stream"

    def opening(self, model: str) -> bytes:
        return role_event(model)

    def token(self, model: str, text: str) -> tuple[bytes, bytes | None]:
        return token_event(model, text), None

    def final(
        self,
        asked: Asked,
        usage: Usage,
        stamp: bytes,  # noqa: ARG002
        *,
        reason: str,
        context: list[int],  # noqa: ARG002
    ) -> bytes:
        return final_events(asked.model, usage, reason=reason, include_usage=asked.include_usage)

    def whole(
        self,
        asked: Asked,
        text: str,
        usage: Usage,
        stamp: bytes,  # noqa: ARG002
        *,
        reason: str,
        context: list[int],  # noqa: ARG002
        done: bool,
    ) -> bytes:
        return whole_body(asked.model, text, usage, reason=reason) if done else encode({"choices": []})

    def error(self, message: str) -> bytes:
        return error_body(message)

    def event(self, body: bytes) -> bytes:
        return sse.event(body)


_API: Final = Answers()


def _chat(state: State, connection: Connection, request: http.Request) -> None:
    try:
        asked = _read(read_body(request))
        models = {full_name(name) for name in state.spec.models}
        if models and full_name(asked.model) not in models:
            raise Refused(404, f"model '{asked.model}' not found")
    except Refused as refused:
        connection.answer(refused.status, error_body(str(refused), "invalid_request_error"))
        return
    Stream(state, connection, asked, len(state.record.received)).start()


def _read(body: dict[str, Any]) -> Asked:
    model = field(body, "model", str, "")
    if not model:
        raise Refused(400, "model is required")
    messages = field(body, "messages", list, [])
    if not messages or not all(isinstance(message, dict) for message in messages):
        raise Refused(400, "messages: a list of at least one message is required")
    limit = field(body, "max_completion_tokens", int, None) or field(body, "max_tokens", int, None)
    options = field(body, "stream_options", dict, {})
    return Asked(
        api=_API,
        model=model,
        stream=field(body, "stream", bool, False),
        prompt_bytes=sum(len(encode(message.get("content"))) for message in messages),
        limit=limit if limit and limit > 0 else None,
        seed=field(body, "seed", int, None),
        include_usage=field(options, "include_usage", bool, False),
    )


def _models(state: State, connection: Connection, _: http.Request) -> None:
    names = state.spec.models or ("simulator",)
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "simulator"} for name in names]
    connection.answer(200, encode({"object": "list", "data": models}))


ROUTES: Final[Routes] = {
    "/v1/chat/completions": {"POST": _chat},
    "/v1/models": {"GET": _models},
}
