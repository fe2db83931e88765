"""Ollama's endpoints, and the simulator's own under ``/simulator``."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from loadgen.model import Usage
from loadgen.protocols.ollama import Kind, final_parts
from loadgen.simulator import http
from loadgen.simulator.scheduler import KEEP_ALIVE_NS, full_name
from loadgen.simulator.stream import CONTEXT, Asked
from loadgen.simulator.wheel import Timer

if TYPE_CHECKING:
    from loadgen.simulator.server import Connection, Server

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


class _Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


Handler = Callable[["Server", "Connection", http.Request], None]


def encode(value: Any) -> bytes:
    """JSON as Ollama writes it; what is no Unicode becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def route(server: Server, connection: Connection, request: http.Request) -> None:
    """Answer ``request`` now, or begin the stream that will."""
    methods = _ROUTES.get(request.path)
    if methods is None:
        connection.answer(404, b"404 page not found", http.TEXT)
        return
    handler = methods.get(request.method)
    if handler is None:
        connection.answer(405, b"405 method not allowed", http.TEXT, allow=", ".join(methods).encode())
        return
    try:
        handler(server, connection, request)
    except _Refused as refused:
        connection.answer_error(refused.status, str(refused))


# ------------------------------------------------------------------------------------------------- inference


def _infer(kind: Kind) -> Handler:
    def handler(server: Server, connection: Connection, request: http.Request) -> None:
        body = _body(request)
        model = _model(body, kind)
        options = _field(body, "options", dict, {})
        stream = _field(body, "stream", bool, True)
        keep_ns = _keep_ns(body.get("keep_alive"))
        prompt = _prompt(body, kind)
        predict = _field(options, "num_predict", int, -1)
        seed = _field(options, "seed", int, None)
        _known(server, model)
        if prompt is None:
            _load(server, connection, kind, model, keep_ns)
            return
        asked = Asked(
            kind=kind,
            model=model,
            stream=stream,
            prompt_bytes=prompt,
            num_predict=predict if predict > 0 else None,
            seed=seed,
            keep_ns=keep_ns,
        )
        connection.begin(asked, len(server.record.received))

    return handler


def _prompt(body: dict[str, Any], kind: Kind) -> int | None:
    """Bytes of the prompt; None where there is none, which only loads the model."""
    if kind == "generate":
        prompt = _field(body, "prompt", str, "")
        return len((prompt + _field(body, "system", str, "")).encode(errors="replace")) if prompt else None
    messages = _field(body, "messages", list, [])
    if not all(isinstance(message, dict) for message in messages):
        raise _Refused(
            400, "json: cannot unmarshal into Go struct field ChatRequest.messages of type api.Message"
        )
    texts = [_field(message, "content", str, "") for message in messages]
    return sum(len(text.encode(errors="replace")) for text in texts) if messages else None


def _load(server: Server, connection: Connection, kind: Kind, model: str, keep_ns: int | None) -> None:
    """A request without a prompt loads the model, or with ``keep_alive: 0`` unloads it."""
    now = time.monotonic_ns()
    reason, ready = "load", now
    if keep_ns == 0:
        server.models.unload(full_name(model))
        reason = "unload"
    else:
        loaded = server.models.use(full_name(model), now)
        server.models.release(loaded, loaded.ready, keep_ns)
        ready = loaded.ready

    def answer() -> None:
        before, after = final_parts(kind, model, Usage(), reason=reason)
        connection.answer(200, before + server.clock.stamp()[1] + after.rstrip(b"\n"))

    if ready > now:
        server.wheel.add(ready, Timer(answer))
    else:
        answer()


# ------------------------------------------------------------------------------------------------ about it


def _running(_: Server, connection: Connection, __: http.Request) -> None:
    connection.answer(200, b"Ollama is running", http.TEXT + b"; charset=utf-8")


def _version(_: Server, connection: Connection, __: http.Request) -> None:
    connection.answer(200, encode({"version": VERSION}))


def _tags(server: Server, connection: Connection, _: http.Request) -> None:
    names = [full_name(name) for name in server.spec.models] or list(
        server.models.loaded(time.monotonic_ns())
    )
    models = [{**_describe(name), "modified_at": _MODIFIED} for name in names or ["simulator:latest"]]
    connection.answer(200, encode({"models": models}))


def _ps(server: Server, connection: Connection, _: http.Request) -> None:
    now = time.monotonic_ns()
    models = []
    for name, loaded in server.models.loaded(now).items():
        left = _FOR_EVER_NS if loaded.keep_ns is None else loaded.keep_ns
        since = now if loaded.users else loaded.idle_since
        expires = datetime.fromtimestamp((server.epoch + since) // 10**9, UTC) + timedelta(
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


def _show(server: Server, connection: Connection, request: http.Request) -> None:
    body = _body(request)
    model = _field(body, "model", str, "") or _field(body, "name", str, "")
    if not model:
        raise _Refused(400, "model is required")
    _known(server, model)
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


# --------------------------------------------------------------------------------------------- the record


def _record(server: Server, connection: Connection, _: http.Request) -> None:
    connection.answer(200, encode(server.record.summary()))


def _record_columns(server: Server, connection: Connection, _: http.Request) -> None:
    try:
        connection.answer(200, server.record.npz(), b"application/octet-stream")
    except ImportError:
        raise _Refused(501, "numpy is not installed") from None


def _reset(server: Server, connection: Connection, _: http.Request) -> None:
    server.reset()
    connection.answer(200, b"{}")


# -------------------------------------------------------------------------------------------- reading JSON


def _body(request: http.Request) -> dict[str, Any]:
    if not request.body:
        raise _Refused(400, "missing request body")
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise _Refused(400, f"invalid JSON: {error}") from None
    if not isinstance(body, dict):
        raise _Refused(400, f"json: cannot unmarshal {type(body).__name__} into Go value of type api.Request")
    return body


def _field(body: dict[str, Any], name: str, kind: type[Any], default: Any) -> Any:
    value = body.get(name)
    if value is None:
        return default
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _Refused(
            400,
            f"json: cannot unmarshal {type(value).__name__} into Go field {name} of type {kind.__name__}",
        )
    return value


def _model(body: dict[str, Any], kind: Kind) -> str:
    model: str = _field(body, "model", str, "").encode(errors="replace").decode()
    if not model:
        raise _Refused(*((404, "model '' not found") if kind == "generate" else (400, "model is required")))
    return model


def _known(server: Server, model: str) -> None:
    models = server.spec.models
    if models and full_name(model) not in {full_name(name) for name in models}:
        raise _Refused(404, f"model '{model}' not found")


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
        raise _Refused(400, f"time: invalid duration {json.dumps(value)}") from None
    return None if nanoseconds < 0 else min(nanoseconds, _FOR_EVER_NS)


_ROUTES: Final[dict[str, dict[str, Handler]]] = {
    "/": {"GET": _running, "HEAD": _running},
    "/api/generate": {"POST": _infer("generate")},
    "/api/chat": {"POST": _infer("chat")},
    "/api/tags": {"GET": _tags, "HEAD": _tags},
    "/api/ps": {"GET": _ps},
    "/api/show": {"POST": _show},
    "/api/version": {"GET": _version, "HEAD": _version},
    "/simulator/record": {"GET": _record, "DELETE": _reset},
    "/simulator/record.npz": {"GET": _record_columns},
}
