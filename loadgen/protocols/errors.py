"""Errors that servers report inside a body, by all the signs that APIs give.

They are ``error`` with content (OpenAI, Ollama, LiteLLM, TGI, Spring), also of a choice (OpenRouter), ``object: error``
(vLLM), ``type: error`` (Anthropic), ``detail`` (FastAPI), ``code`` or ``status`` of 400 and above, ``success: false``,
a ``finish_reason`` of ``error``, and an object of nothing but a message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from loadgen.protocols.events import Error, Event
from loadgen.protocols.lenient import mapping

_TEXTS = ("error", "message", "detail", "msg", "error_message", "errors", "description", "title")
_KEYS = ("error", "errors", "error_type", "error_code", "error_message", "detail")
_CODES = ("code", "status", "status_code", "statusCode", "error_code")
_FINE = (0, 200, "0", "200")
_WORDS = ("error", "fail", "failed", "failure")
_ALONE = {*_TEXTS, *_CODES, "type", "param", "request_id", "requestId", "trace_id"}


def said(body: bytes) -> str | None:
    """Return the error that a JSON object reports; ``None`` where it reports none, or the body is no such object."""
    return _reported(mapping(body))


def found(body: bytes, events: list[Event]) -> bool:
    """Append the error that a JSON object reports, if any; return whether it does."""
    if (reported := said(body)) is None:
        return False
    events.append(Error(reported))
    return True


def _reported(item: Mapping[str, Any]) -> str | None:
    listed = item.get("choices")
    choices = [choice for choice in listed if isinstance(choice, dict)] if isinstance(listed, list) else []
    for choice in choices:
        if _has_content(choice.get("error")):
            return _text(choice["error"])
    words = [item.get(key) for key in ("object", "type", "status")]
    codes = [item.get(key) for key in _CODES]
    if (
        any(_has_content(item.get(key)) for key in _KEYS)
        or any(isinstance(word, str) and word.lower().endswith(_WORDS) for word in words)
        or any(isinstance(code, int) and code >= 400 for code in codes)
        or item.get("success") is False
        or (item.keys() <= _ALONE and _is_text(item, "message", "msg") and not any(c in _FINE for c in codes))
    ):
        return _text(item)
    return "finish_reason: error" if any(c.get("finish_reason") == "error" for c in choices) else None


def _is_text(item: Mapping[str, Any], *keys: str) -> bool:
    return any(isinstance(item.get(key), str) and item[key].strip() for key in keys)


def _text(error: Any) -> str:
    """Return what an error says: its message where it has one, otherwise all of it."""
    if isinstance(error, str):
        return error
    if isinstance(error, Mapping):
        for key in _TEXTS:
            if isinstance(error.get(key), str | dict | list) and _has_content(error[key]):
                return _text(error[key])
    if isinstance(error, list) and len(error) == 1:
        return _text(error[0])
    return json.dumps(error)


def _has_content(value: Any) -> bool:
    """Return whether a value is more than empty texts, zeros and nulls."""
    if isinstance(value, Mapping):
        return any(map(_has_content, value.values()))
    if isinstance(value, list):
        return any(map(_has_content, value))
    return bool(value.strip() if isinstance(value, str) else value)
