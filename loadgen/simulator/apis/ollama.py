"""Ollama's endpoints."""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from dataclasses import replace
from functools import partial
from typing import Any, Final

import msgspec

from loadgen.model import Usage
from loadgen.protocols.encoder import Ending
from loadgen.protocols.ollama import Encoder, Kind
from loadgen.simulator.apis import Api
from loadgen.simulator.connection import Connection, Routes
from loadgen.simulator.http import TEXT, HttpError, Request
from loadgen.simulator.scheduler import FOREVER_NS, Loaded, Use
from loadgen.simulator.state import State, full_name
from loadgen.simulator.stream import CONTEXT, STATUS, Inference, Stream

VERSION: Final = "0.12.0"
_MODIFIED: Final = "2026-01-01T00:00:00Z"
_DETAILS: Final = {
    "parent_model": "", "format": "gguf", "family": "simulator", "families": ["simulator"],
    "parameter_size": "1.7B", "quantization_level": "Q4_K_M",
}  # fmt: skip
_SIZE: Final = 1_359_293_444
_UNIT_S: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_DURATION: Final = r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)"


class _Message(msgspec.Struct):
    content: str | None = None


class _Options(msgspec.Struct):
    num_predict: int | None = None
    seed: int | None = None


class _Body(msgspec.Struct):
    model: str | None = None
    name: str | None = None  # what older clients call the model
    prompt: str | None = None
    system: str | None = None
    messages: list[_Message] | None = None
    stream: bool | None = None
    options: _Options | None = None
    keep_alive: Any = None


def _read(kind: Kind, request: Request) -> Inference:
    body = request.json(_Body)
    if not body.model:
        status, message = (404, "model '' not found") if kind == "generate" else (400, "model is required")
        raise HttpError(status, message)
    options = body.options or _Options()
    return Inference(
        encoder=Encoder(body.model, kind),
        stream=body.stream is not False,
        prompt=_prompt(body, kind),
        limit=options.num_predict or 0,
        seed=options.seed,
        keep_ns=_keep_ns(body.keep_alive),
    )


def _prompt(body: _Body, kind: Kind) -> bytes:
    """Return the prompt; without one the request only loads the model."""
    if kind == "generate":
        text = body.prompt + (body.system or "") if body.prompt else ""
        return text.encode(errors="replace")
    text = "".join(message.content or "" for message in body.messages or [])
    return (text.encode(errors="replace") or b" ") if body.messages else b""


def _begin(state: State, connection: Connection, wanted: Inference) -> None:
    """Begin the stream; without a prompt load the model, or unload it where it is not to be kept."""
    if wanted.prompt:
        Stream(state, connection, wanted)
    elif wanted.keep_ns == 0:
        state.scheduler.unload(full_name(wanted.encoder.model))
        connection.answer(200, wanted.encoder.whole(Ending(Usage(), state.loop.stamp()[1], "unload")))
    else:
        _Loading(state, connection, wanted)


class _Loading:
    """A request that only loads the model."""

    def __init__(self, state: State, connection: Connection, wanted: Inference) -> None:
        self._state, self._connection, self._wanted = state, connection, wanted
        self._use = Use(full_name(wanted.encoder.model), wanted.keep_ns, self._answer)
        connection.stream = self
        if not state.scheduler.ask(self._use):
            connection.stream = None
            status, message = STATUS["status_503"]
            connection.answer(status, wanted.encoder.error(message, status))

    def resume(self) -> None:
        """Do nothing: all is sent at once."""

    def release(self) -> None:
        """Let go of the model: it is loaded, or the client has left."""
        self._connection.stream = None
        self._state.scheduler.leave(self._use)

    def _answer(self, _: Loaded) -> None:
        self.release()
        ending = Ending(Usage(), self._state.loop.stamp()[1], "load")
        self._connection.answer(200, self._wanted.encoder.whole(ending))


def _tags(state: State, *_: object) -> dict[str, Any]:
    names = [full_name(name) for name in state.spec.models] or list(state.scheduler.loaded)
    models = [{**_describe(name), "modified_at": _MODIFIED} for name in names or ["simulator:latest"]]
    return {"models": models}


def _ps(state: State, *_: object) -> dict[str, Any]:
    now = time.monotonic_ns()
    models = []
    for name, loaded in state.scheduler.loaded.items():
        ends_ns = state.loop.epoch + (now + loaded.keep_ns if loaded.users else loaded.expires)
        expires = (
            time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ends_ns // 10**9)) + f".{ends_ns % 10**9:09d}Z"
        )
        more = {"expires_at": expires, "size_vram": _SIZE, "context_length": CONTEXT}
        models.append(_describe(name) | more)
    return {"models": models}


def _show(state: State, _: Connection, request: Request) -> dict[str, Any]:
    body = request.json(_Body)
    model = body.model or body.name
    if not model:
        raise HttpError(400, "model is required")
    state.check_model(model)
    return {
        "modelfile": f"FROM {model}\n",
        "template": "{{ .Prompt }}",
        "details": _DETAILS,
        "model_info": {"general.architecture": "simulator", "simulator.context_length": CONTEXT},
        "capabilities": ["completion"],
        "modified_at": _MODIFIED,
    }


def _describe(name: str) -> dict[str, Any]:
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()
    return {"name": name, "model": name, "size": _SIZE, "digest": digest, "details": _DETAILS}


def _keep_ns(value: Any) -> int | None:
    """Return nanoseconds. A number is seconds, a string a duration such as ``1h30m``; below 0 is for ever."""
    if value is None:
        return None
    seconds = value
    if isinstance(value, str) and re.fullmatch(f"[-+]?(0|({_DURATION})+)", value):
        size = sum(float(number) * _UNIT_S[unit] for number, unit in re.findall(_DURATION, value))
        seconds = -size if value.startswith("-") else size
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not abs(seconds) < math.inf:
        raise HttpError(400, f"time: invalid duration {json.dumps(value)}")
    return FOREVER_NS if seconds < 0 else min(round(seconds * 10**9), FOREVER_NS)


def _running(_: State, connection: Connection, __: Request) -> None:
    connection.answer(200, b"Ollama is running", TEXT + b"; charset=utf-8")


def _version(*_: object) -> dict[str, Any]:
    return {"version": VERSION}


_MORE: Final[Routes] = {
    "/": {"GET": _running, "HEAD": _running},
    "/api/tags": {"GET": _tags, "HEAD": _tags},
    "/api/ps": {"GET": _ps},
    "/api/show": {"POST": _show},
    "/api/version": {"GET": _version, "HEAD": _version},
}
GENERATE: Final = Api(
    path="/api/generate",
    read=partial(_read, "generate"),
    refusals=Encoder("", "generate"),
    begin=_begin,
    more=_MORE,
)
CHAT: Final = replace(GENERATE, path="/api/chat", read=partial(_read, "chat"))
