"""Fields of requests that the server would ignore where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from loadgen.scenario.problems import Path, nearest

Found = Iterator[tuple[Path, str, str]]

# Ollama's fields beside `options`, and inside; of the latter it ignores any other (api/types.go).
_TOP: Final = {
    "format", "images", "keep_alive", "logprobs", "messages", "model", "prompt", "raw", "shift", "stream",
    "suffix", "system", "template", "think", "tools", "top_logprobs", "truncate",
}  # fmt: skip
_OPTIONS: Final = {
    "draft_num_predict", "frequency_penalty", "main_gpu", "min_p", "num_batch", "num_ctx", "num_gpu", "num_keep",
    "num_predict", "num_thread", "presence_penalty", "repeat_last_n", "repeat_penalty", "seed", "stop", "temperature",
    "top_k", "top_p", "typical_p", "use_mmap",
}  # fmt: skip
# Fields of Ollama that no server reads in OpenAI's API -> what that calls them.
_OPENAI: Final = {
    "num_predict": "max_tokens", "format": "response_format", "think": "reasoning_effort",
    "system": "", "keep_alive": "", "num_ctx": "", "num_gpu": "", "num_thread": "", "options": "",
}  # fmt: skip
# What others call Ollama's options.
_ALIASES: Final = {
    "max_tokens": "num_predict", "max_completion_tokens": "num_predict", "n_predict": "num_predict",
    "max_new_tokens": "num_predict", "context_length": "num_ctx", "reasoning_effort": "body.think",
    "response_format": "body.format", "stop_sequences": "stop", "repetition_penalty": "repeat_penalty",
}  # fmt: skip


def misplaced(protocol: str, options: Mapping[str, Any], body: Mapping[str, Any]) -> Found:
    """Yield the path of each field that has no effect where it stands, what is wrong, and what would be right."""
    if protocol.startswith("ollama-"):
        yield from _in_options(options, ("options",))
        inner = body.get("options")
        yield from _in_options(inner if isinstance(inner, Mapping) else {}, ("body", "options"))
        for key in body:
            if key in _OPTIONS:
                yield ("body", key), "Ollama ignores it at the top level", f"options.{key}"
            elif key in _ALIASES:
                yield ("body", key), "Ollama does not know it", _place(_ALIASES[key])
    elif protocol.startswith("openai-"):
        for place, fields in (("options", options), ("body", body)):
            for key in fields:
                if key in _OPENAI and fields[key] is not None:
                    right = f"{place}.{_OPENAI[key]}" if _OPENAI[key] else "leave it out"
                    yield (place, key), "is Ollama's, and not known in OpenAI's API", right


def where(key: str) -> str:
    """Return the path at which a scenario has that field of a request; "" for what is none."""
    key = _ALIASES.get(key, key)
    is_body = key in _TOP - {"prompt", "messages"}  # which is `prompts`
    return key if "." in key else f"options.{key}" if key in _OPTIONS else f"body.{key}" if is_body else ""


def _in_options(options: Mapping[str, Any], at: Path) -> Found:
    for key in options:
        if key in _TOP:
            yield (*at, key), "belongs to the top level of the request, Ollama ignores it here", f"body.{key}"
        elif key not in _OPTIONS:
            near = _ALIASES.get(key) or nearest(key, _OPTIONS)
            right = f"did you mean {_place(near)}?" if near else "leave it out, or put it under body"
            yield (*at, key), "is no option of Ollama, which ignores it", right


def _place(key: str) -> str:
    return key if "." in key else f"options.{key}"
