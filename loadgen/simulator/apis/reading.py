"""Reading requests: JSON bodies, fields of a type, and errors that are answers."""

from __future__ import annotations

import json
from typing import Any

from loadgen.simulator import http


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def encode(value: Any) -> bytes:
    """Return JSON as Ollama writes it; what is no Unicode becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def read_body(request: http.Request) -> dict[str, Any]:
    """Return the JSON object of the body. Raises Refused."""
    if not request.body:
        raise Refused(400, "missing request body")
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"invalid JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refused(400, f"json: cannot unmarshal {type(body).__name__} into Go value of type api.Request")
    return body


def field(body: dict[str, Any], name: str, kind: type[Any], default: Any) -> Any:
    """Return the field if it is of that type, ``default`` where it is missing or null. Raises Refused."""
    value = body.get(name)
    if value is None:
        return default
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Refused(
            400,
            f"json: cannot unmarshal {type(value).__name__} into Go field {name} of type {kind.__name__}",
        )
    return value
