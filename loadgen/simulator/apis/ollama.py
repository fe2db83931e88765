"""Ollama's endpoints."""

from __future__ import annotations

import hashlib
import json
import re
import time
from typing import Any, Final

from loadgen.model import Usage
from loadgen.protocols.encoder import Ending, to_json
from loadgen.protocols.ollama import Encoder, Kind
from loadgen.simulator.apis.reading import check_known, field, read_body
from loadgen.simulator.connection import Connection, Handler, Routes
from loadgen.simulator.http import TEXT, HttpError, Request
from loadgen.simulator.scheduler import KEEP_ALIVE_NS, full_name
from loadgen.simulator.state import State
from loadgen.simulator.stream import CONTEXT, Inference, Stream
from loadgen.simulator.wheel import Timer

VERSION: Final = "0.12.0"
_MODIFIED: Final = "2026-01-01T00:00:00Z"
_DETAILS: Final = {
    "parent_model": "", "format": "gguf", "family": "simulator", "families": ["simulator"],
    "parameter_size": "1.7B", "quantization_level": "Q4_K_M",
}  # fmt: skip
_SIZE: Final = 1_359_293_444
_FOR_EVER_NS: Final = 100 * 365 * 86_400 * 10**9
_UNIT_NS: Final = {
    "ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9,
}  # fmt: skip
_DURATION: Final = r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)"


def _infer(kind: Kind) -> Handler:
    """Return the handler of ``/api/generate`` or ``/api/chat``."""

    def handler(state: State, connection: Connection, request: Request) -> None:
        body = read_body(request)
        encoder = Encoder(_model(body, kind), kind)
        options = field(body, "options", dict, {})
        keep_ns = _keep_ns(body.get("keep_alive"))
        prompt = _prompt_bytes(body, kind)
        predict = field(options, "num_predict", int, -1)
        wanted = Inference(
            encoder=encoder,
            stream=field(body, "stream", bool, True),
            prompt_bytes=prompt,
            limit=predict if predict > 0 else None,
            seed=field(options, "seed", int, None),
            keep_ns=keep_ns,
        )
        check_known(state, encoder.model)
        if prompt:
            Stream(state, connection, wanted).start()
        else:
            _load(state, connection, encoder, keep_ns)

    return handler


def _prompt_bytes(body: dict[str, Any], kind: Kind) -> int:
    """Return the size of the prompt; without one (0) the request only loads the model."""
    if kind == "generate":
        prompt = field(body, "prompt", str, "")
        return _size(prompt + field(body, "system", str, "")) if prompt else 0
    messages = field(body, "messages", list, [])
    if not all(isinstance(message, dict) for message in messages):
        raise HttpError(
            400, "json: cannot unmarshal into Go struct field ChatRequest.messages of type api.Message"
        )
    size = sum(_size(field(message, "content", str, "")) for message in messages)
    return max(size, 1) if messages else 0


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))


def _load(state: State, connection: Connection, encoder: Encoder, keep_ns: int | None) -> None:
    """Load the model, or unload it where ``keep_ns`` is 0; then answer."""
    now = time.monotonic_ns()
    name, ready = full_name(encoder.model), now
    if keep_ns == 0:
        state.models.unload(name)
    else:
        loaded = state.models.use(name, now)
        state.models.release(loaded, loaded.ready, keep_ns)
        ready = loaded.ready

    def answer() -> None:
        ending = Ending(Usage(), state.clock.stamp()[1], "load" if keep_ns != 0 else "unload")
        connection.answer(200, encoder.whole(ending))

    if ready > now:
        state.wheel.add(ready, Timer(answer))
    else:
        answer()


# ------------------------------------------------------------------------------------------------ about it


def _running(_: State, connection: Connection, __: Request) -> None:
    connection.answer(200, b"Ollama is running", TEXT + b"; charset=utf-8")


def _version(_: State, connection: Connection, __: Request) -> None:
    connection.answer(200, to_json({"version": VERSION}))


def _tags(state: State, connection: Connection, _: Request) -> None:
    names = [full_name(name) for name in state.spec.models] or list(state.models.loaded(time.monotonic_ns()))
    models = [{**_describe(name), "modified_at": _MODIFIED} for name in names or ["simulator:latest"]]
    connection.answer(200, to_json({"models": models}))


def _ps(state: State, connection: Connection, _: Request) -> None:
    now = time.monotonic_ns()
    models = []
    for name, loaded in state.models.loaded(now).items():
        left = _FOR_EVER_NS if loaded.keep_ns is None else loaded.keep_ns
        since = now if loaded.users else loaded.idle_since
        expires = time.gmtime((state.loop.epoch + since + left) // 10**9)
        more = {"expires_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", expires), "size_vram": _SIZE}
        models.append({**_describe(name), **more, "context_length": CONTEXT})
    connection.answer(200, to_json({"models": models}))


def _show(state: State, connection: Connection, request: Request) -> None:
    body = read_body(request)
    model = field(body, "model", str, "") or field(body, "name", str, "")
    if not model:
        raise HttpError(400, "model is required")
    check_known(state, model)
    answer = {
        "modelfile": f"FROM {model}\n",
        "template": "{{ .Prompt }}",
        "details": _DETAILS,
        "model_info": {"general.architecture": "simulator", "simulator.context_length": CONTEXT},
        "capabilities": ["completion"],
        "modified_at": _MODIFIED,
    }
    connection.answer(200, to_json(answer))


def _describe(name: str) -> dict[str, Any]:
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()
    return {"name": name, "model": name, "size": _SIZE, "digest": digest, "details": _DETAILS}


def _model(body: dict[str, Any], kind: Kind) -> str:
    model: str = field(body, "model", str, "")
    if not model:
        raise HttpError(*((404, "model '' not found") if kind == "generate" else (400, "model is required")))
    return model


def _keep_ns(value: Any) -> int | None:
    """Return nanoseconds, ``None`` for ever. A number is seconds, a string a duration such as ``1h30m``."""
    if value is None:
        return KEEP_ALIVE_NS
    try:
        if isinstance(value, str) and re.fullmatch(f"[-+]?(0|({_DURATION})+)", value):
            parts = re.findall(_DURATION, value)
            size = sum(round(float(number) * _UNIT_NS[unit]) for number, unit in parts)
            nanoseconds = -size if value.startswith("-") else size
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            nanoseconds = round(value * 10**9)
        else:
            raise ValueError
    except (ValueError, OverflowError):
        raise HttpError(400, f"time: invalid duration {json.dumps(value)}") from None
    return None if nanoseconds < 0 else min(nanoseconds, _FOR_EVER_NS)


ROUTES: Final[Routes] = {
    "/": {"GET": _running, "HEAD": _running},
    "/api/generate": {"POST": _infer("generate")},
    "/api/chat": {"POST": _infer("chat")},
    "/api/tags": {"GET": _tags, "HEAD": _tags},
    "/api/ps": {"GET": _ps},
    "/api/show": {"POST": _show},
    "/api/version": {"GET": _version, "HEAD": _version},
}
