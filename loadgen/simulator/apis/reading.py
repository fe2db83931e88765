"""Reading requests: JSON bodies, and fields of a type."""

from __future__ import annotations

import json
from typing import Any

from loadgen.simulator.http import HttpError, Request
from loadgen.simulator.scheduler import full_name
from loadgen.simulator.state import State


def read_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of the body. Raises HttpError."""
    if not request.body:
        raise HttpError(400, "missing request body")
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise HttpError(400, f"invalid JSON: {error}") from None
    if not isinstance(body, dict):
        raise HttpError(
            400, f"json: cannot unmarshal {type(body).__name__} into Go value of type api.Request"
        )
    return body


def field(body: dict[str, Any], name: str, kind: type[Any], default: Any) -> Any:
    """Return the field if it is of that type, ``default`` where it is missing or null. Raises HttpError."""
    value = body.get(name)
    if value is None:
        return default
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        wrong = f"{type(value).__name__} into Go field {name} of type {kind.__name__}"
        raise HttpError(400, f"json: cannot unmarshal {wrong}")
    return value


def check_known(state: State, model: str) -> None:
    """Raise HttpError for a model that the scenario does not know."""
    known = state.spec.models
    if known and full_name(model) not in map(full_name, known):
        raise HttpError(404, f"model '{model}' not found")
