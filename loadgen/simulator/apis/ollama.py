"""Ollama's endpoints."""

from __future__ import annotations

import hashlib
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from loadgen.model import Usage
from loadgen.protocols import ndjson
from loadgen.protocols.ollama import Kind, final_parts, token_parts
from loadgen.simulator import http
from loadgen.simulator.apis.reading import Refused, encode, field, read_body
from loadgen.simulator.connection import Connection, Routes
from loadgen.simulator.encoding import Asked
from loadgen.simulator.scheduler import KEEP_ALIVE_NS, full_name
from loadgen.simulator.state import State
from loadgen.simulator.stream import CONTEXT, Stream
from loadgen.simulator.wheel import Timer

VERSION: Final = "0.12.0"
_MODIFIED: Final = "2026-01-01T00:00:00Z"
_DETAILS: Final = {
    "parent_model": "",
    "format": "gguf",
    "family": "simulator",
    "families": ["simulator"],
    "parameter_size": "1.7B",
    "quantization_level": "Q4_K_M",
}
_SIZE: Final = 1_359_293_444
_FOR_EVER_NS: Final = 100 * 365 * 86_400 * 10**9
_UNIT_NS: Final = {
    "ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9,
}  # fmt: skip
_DURATION: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


class Answers:
    """See :class:`loadgen.simulator.encoding.Api`."""

    content_type = http.NDJSON

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def opening(self, model: str) -> bytes:  # noqa: ARG002 - the first object carries text
        return b""

    def token(self, model: str, text: str) -> tuple[bytes, bytes | None]:
        return token_parts(self.kind, model, text)

    def final(self, asked: Asked, usage: Usage, stamp: bytes, *, reason: str, context: list[int]) -> bytes:
        before, after = final_parts(self.kind, asked.model, usage, reason=reason, context=context)
        return before + stamp + after

    def whole(
        self,
        asked: Asked,
        text: str,
        usage: Usage,
        stamp: bytes,
        *,
        reason: str,
        context: list[int],
        done: bool,
    ) -> bytes:
        before, after = final_parts(self.kind, asked.model, usage, text=text, reason=reason, context=context)
        body = before + stamp + after.rstrip(b"\n")
        return body if done else body.replace(b'"done":true', b'"done":false')

    def error(self, message: str) -> bytes:
        return encode({"error": message})

    def event(self, body: bytes) -> bytes:
        return ndjson.line(body)


_GENERATE: Final = Answers("generate")
_CHAT: Final = Answers("chat")


def _generate(state: State, connection: Connection, request: http.Request) -> None:
    _infer(_GENERATE, state, connection, request)


def _chat(state: State, connection: Connection, request: http.Request) -> None:
    _infer(_CHAT, state, connection, request)


def _infer(api: Answers, state: State, connection: Connection, request: http.Request) -> None:
    body = read_body(request)
    model = _model(body, api.kind)
    options = field(body, "options", dict, {})
    keep_ns = _keep_ns(body.get("keep_alive"))
    prompt = _prompt(body, api.kind)
    predict = field(options, "num_predict", int, -1)
    asked = Asked(
        api=api,
        model=model,
        stream=field(body, "stream", bool, True),
        prompt_bytes=prompt or 0,
        limit=predict if predict > 0 else None,
        seed=field(options, "seed", int, None),
        keep_ns=keep_ns,
    )
    _known(state, model)
    if prompt is None:
        _load(state, connection, api.kind, model, keep_ns)
    else:
        Stream(state, connection, asked, len(state.record.received)).start()


def _prompt(body: dict[str, Any], kind: Kind) -> int | None:
    """Bytes of the prompt; None where there is none, which only loads the model."""
    if kind == "generate":
        prompt = field(body, "prompt", str, "")
        return len((prompt + field(body, "system", str, "")).encode(errors="replace")) if prompt else None
    messages = field(body, "messages", list, [])
    if not all(isinstance(message, dict) for message in messages):
        raise Refused(
            400, "json: cannot unmarshal into Go struct field ChatRequest.messages of type api.Message"
        )
    texts = [field(message, "content", str, "") for message in messages]
    return sum(len(text.encode(errors="replace")) for text in texts) if messages else None


def _load(state: State, connection: Connection, kind: Kind, model: str, keep_ns: int | None) -> None:
    """A request without a prompt loads the model, or with ``keep_alive: 0`` unloads it."""
    now = time.monotonic_ns()
    reason, ready = "load", now
    if keep_ns == 0:
        state.models.unload(full_name(model))
        reason = "unload"
    else:
        loaded = state.models.use(full_name(model), now)
        state.models.release(loaded, loaded.ready, keep_ns)
        ready = loaded.ready

    def answer() -> None:
        before, after = final_parts(kind, model, Usage(), reason=reason)
        connection.answer(200, before + state.clock.stamp()[1] + after.rstrip(b"\n"))

    if ready > now:
        state.wheel.add(ready, Timer(answer))
    else:
        answer()


# ------------------------------------------------------------------------------------------------ about it


def _running(_: State, connection: Connection, __: http.Request) -> None:
    connection.answer(200, b"Ollama is running", http.TEXT + b"; charset=utf-8")


def _version(_: State, connection: Connection, __: http.Request) -> None:
    connection.answer(200, encode({"version": VERSION}))


def _tags(state: State, connection: Connection, _: http.Request) -> None:
    names = [full_name(name) for name in state.spec.models] or list(state.models.loaded(time.monotonic_ns()))
    models = [{**_describe(name), "modified_at": _MODIFIED} for name in names or ["simulator:latest"]]
    connection.answer(200, encode({"models": models}))


def _ps(state: State, connection: Connection, _: http.Request) -> None:
    now = time.monotonic_ns()
    models = []
    for name, loaded in state.models.loaded(now).items():
        left = _FOR_EVER_NS if loaded.keep_ns is None else loaded.keep_ns
        since = now if loaded.users else loaded.idle_since
        expires = datetime.fromtimestamp((state.loop.epoch + since) // 10**9, UTC) + timedelta(
            microseconds=left // 1000
        )
        models.append(
            {
                **_describe(name),
                "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "size_vram": _SIZE,
                "context_length": CONTEXT,
            }
        )
    connection.answer(200, encode({"models": models}))


def _show(state: State, connection: Connection, request: http.Request) -> None:
    body = read_body(request)
    model = field(body, "model", str, "") or field(body, "name", str, "")
    if not model:
        raise Refused(400, "model is required")
    _known(state, model)
    answer = {
        "modelfile": f"FROM {model}\n",
        "template": "{{ .Prompt }}",
        "details": _DETAILS,
        "model_info": {"general.architecture": "simulator", "simulator.context_length": CONTEXT},
        "capabilities": ["completion"],
        "modified_at": _MODIFIED,
    }
    connection.answer(200, encode(answer))


def _describe(name: str) -> dict[str, Any]:
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()
    return {"name": name, "model": name, "size": _SIZE, "digest": digest, "details": _DETAILS}


def _model(body: dict[str, Any], kind: Kind) -> str:
    model: str = field(body, "model", str, "").encode(errors="replace").decode()
    if not model:
        raise Refused(*((404, "model '' not found") if kind == "generate" else (400, "model is required")))
    return model


def _known(state: State, model: str) -> None:
    models = state.spec.models
    if models and full_name(model) not in {full_name(name) for name in models}:
        raise Refused(404, f"model '{model}' not found")


def _keep_ns(value: Any) -> int | None:
    """Nanoseconds; None is for ever. A number is seconds, a string a duration such as ``1h30m``."""
    if value is None:
        return KEEP_ALIVE_NS
    try:
        if isinstance(value, str):
            sign, text = (-1, value[1:]) if value.startswith("-") else (1, value.removeprefix("+"))
            parts = _DURATION.findall(text)
            if text == "0":
                parts = [("0", "s")]
            elif not parts or "".join(number + unit for number, unit in parts) != text:
                raise ValueError
            nanoseconds = sign * sum(round(float(number) * _UNIT_NS[unit]) for number, unit in parts)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            nanoseconds = round(value * 10**9)
        else:
            raise ValueError
    except (ValueError, OverflowError):
        raise Refused(400, f"time: invalid duration {json.dumps(value)}") from None
    return None if nanoseconds < 0 else min(nanoseconds, _FOR_EVER_NS)


ROUTES: Final[Routes] = {
    "/": {"GET": _running, "HEAD": _running},
    "/api/generate": {"POST": _generate},
    "/api/chat": {"POST": _chat},
    "/api/tags": {"GET": _tags, "HEAD": _tags},
    "/api/ps": {"GET": _ps},
    "/api/show": {"POST": _show},
    "/api/version": {"GET": _version, "HEAD": _version},
}
