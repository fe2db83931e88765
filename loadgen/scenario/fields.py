"""Fields of requests that the server would ignore, or refuse, where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from loadgen.scenario.problems import Path, nearest

Found = Iterator[tuple[Path, str, str]]

_LEFT_OUT: Final = "leave it out"
_TO_PROMPTS: Final = "prompts"
_MESSAGE: Final = "a message with the role system, in prompts"

# Ollama's fields beside `options`, and inside; of the latter it ignores any other (api/types.go).
_TOP: Final = {
    "context", "format", "images", "keep_alive", "logprobs", "messages", "model", "prompt", "raw", "shift", "stream",
    "suffix", "system", "template", "think", "tools", "top_logprobs", "truncate",
}  # fmt: skip
_OPTIONS: Final = {
    "draft_num_predict", "frequency_penalty", "main_gpu", "min_p", "num_batch", "num_ctx", "num_gpu", "num_keep",
    "num_predict", "num_thread", "presence_penalty", "repeat_last_n", "repeat_penalty", "seed", "stop", "temperature",
    "top_k", "top_p", "typical_p", "use_mmap",
}  # fmt: skip


class _Api(NamedTuple):
    """What an API is called, and what it calls the fields that every API has by some name; ``""``: by none."""

    name: str
    limit: str
    stop: str = ""
    format: str = ""
    thinking: str = ""
    repetition: str = "repetition_penalty"  # vLLM's, in the APIs that it serves
    system: str = ""
    prompt: str = ""  # the field that holds it
    others: Mapping[str, str] = {}  # fields of other APIs -> what is right here


# What one API or another calls them; the rest of a request's fields is the same in all, or known to one kind of server.
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "limit": (
        "max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict", "n_predict", "max_new_tokens",
    ),
    "stop": ("stop", "stop_sequences"),
    "format": ("response_format", "format"),
    "thinking": ("reasoning_effort", "think", "reasoning", "thinking"),
    "repetition": ("repetition_penalty", "repeat_penalty"),
    "system": ("system", "instructions"),
    "prompt": ("prompt", "messages", "input"),
}  # fmt: skip
# Arguments of the SDKs, which put their content elsewhere in a request.
_ARGUMENTS: Final = {
    "extra_body": "its keys under body", "extra_headers": "target.headers", "extra_query": "target.path",
    "timeout": "timeouts",
}  # fmt: skip
_ARGUMENT: Final = "is an argument of an SDK, no field of a request"
_OF_OLLAMA: Final = dict.fromkeys(("keep_alive", "num_ctx", "num_gpu", "num_thread", "options"), "")
_OF_VLLM: Final = {
    "include_usage": "body.stream_options.include_usage",
    "sampling_params": "its keys under body",
}
_OF_OPENAI: Final = _OF_OLLAMA | _OF_VLLM
_OF_CHATS: Final = dict.fromkeys(("tools", "tool_choice", "chat_template_kwargs", "modalities"), "")
_OF_COMPLETIONS: Final = dict.fromkeys(("echo", "best_of", "suffix"), "")
_APIS: Final[dict[str, _Api]] = {
    "ollama-generate": _Api(
        "Ollama", "options.num_predict", "options.stop", "body.format", "body.think", "options.repeat_penalty",
        "body.system", "prompt", {"context_length": "options.num_ctx", "tools": ""},
    ),
    "ollama-chat": _Api(
        "Ollama", "options.num_predict", "options.stop", "body.format", "body.think", "options.repeat_penalty",
        prompt="messages",
        others={"context_length": "options.num_ctx"}
        | dict.fromkeys(("context", "images", "raw", "suffix", "template"), ""),
    ),
    "openai-chat": _Api(
        "OpenAI's chat completions", "max_tokens", "stop", "response_format", "reasoning_effort",
        prompt="messages", others=_OF_OPENAI | _OF_COMPLETIONS,
    ),
    "openai-completions": _Api(
        "OpenAI's completions", "max_tokens", "stop", "response_format", prompt="prompt", others=_OF_OPENAI | _OF_CHATS,
    ),
    "openai-responses": _Api(
        "OpenAI's responses", "max_output_tokens", format="text", thinking="reasoning", system="instructions",
        prompt="input", others=_OF_OPENAI | _OF_COMPLETIONS | dict.fromkeys(("stream_options", "n", "logprobs"), ""),
    ),
    "anthropic-messages": _Api(
        "Anthropic's messages", "max_tokens", "stop_sequences", thinking="thinking", repetition="", system="system",
        prompt="messages",
        others=_OF_OPENAI | _OF_COMPLETIONS | dict.fromkeys(
            ("stream_options", "n", "logprobs", "top_logprobs", "seed", "frequency_penalty", "presence_penalty",
             "logit_bias", "min_p", "ignore_eos"), "",
        ),
    ),
}  # fmt: skip
# Names that are right beside the one that is offered.
_ALSO: Final = {
    ("openai-chat", "max_completion_tokens"),
    ("openai-chat", "reasoning"),
    ("openai-chat", "thinking"),
}


def misplaced(protocol: str, options: Mapping[str, Any], body: Mapping[str, Any]) -> Found:
    """Yield the path of each field that has no effect where it stands, what is wrong, and what would be right."""
    if (api := _APIS.get(protocol)) is None:
        return
    is_ollama = protocol.startswith("ollama-")
    places = [("options",), ("body",)]
    if is_ollama:
        yield from _in_options(protocol, options, ("options",))
        inner = body.get("options")
        yield from _in_options(protocol, inner if isinstance(inner, Mapping) else {}, ("body", "options"))
        places = [("body",)]
    for place in places:
        for key, value in (body if place == ("body",) else options).items():
            if value is None:  # it takes one out of the request
                continue
            if key == api.prompt:
                yield (*place, key), "replaces the prompts, so none of them is sent", _TO_PROMPTS
            elif key == "model":
                yield (*place, key), "replaces the scenario's model", "model, a key of its own"
            elif is_ollama and key in _OPTIONS:
                yield (*place, key), "Ollama ignores it at the top level", f"options.{key}"
            elif (right := _right(protocol, key, place[0])) is not None:
                yield (
                    (*place, key),
                    f"is not known in {api.name}" if key not in _ARGUMENTS else _ARGUMENT,
                    right,
                )
            elif is_ollama and key not in _TOP and (near := get_close_matches(key, _TOP | _OPTIONS, 1, 0.8)):
                yield (*place, key), "Ollama does not know it", f"did you mean {where(*near) or _TO_PROMPTS}?"


def where(key: str, protocol: str = "ollama-generate") -> str:
    """Return the path at which a scenario has that field of a request; "" for what is none."""
    right = _right(protocol, key, "options") or key
    is_body = key in _TOP - {"prompt", "messages"}  # which is `prompts`
    return (
        right if "." in right else f"options.{key}" if key in _OPTIONS else f"body.{key}" if is_body else ""
    )


def _right(protocol: str, key: str, place: str) -> str | None:
    """Return what would be right in place of a field of another API; ``None`` where it is not known to be wrong."""
    api = _APIS[protocol]
    if key in _ARGUMENTS or key in api.others:
        return _ARGUMENTS.get(key) or api.others[key] or _LEFT_OUT
    for kind, names in _NAMES.items():
        own = getattr(api, kind)
        if key in names and key != own.rpartition(".")[2] and (protocol, key) not in _ALSO:
            if kind == "prompt":
                return _TO_PROMPTS
            if not own:
                return _MESSAGE if kind == "system" and api.prompt == "messages" else _LEFT_OUT
            return own if "." in own else f"{place}.{own}"
    return None


def _in_options(protocol: str, options: Mapping[str, Any], at: Path) -> Found:
    for key in options:
        if key in _TOP:
            place = _right(protocol, key, "options") or f"body.{key}"
            yield (*at, key), "belongs to the top level of the request, Ollama ignores it here", place
        elif key not in _OPTIONS:
            right = _right(protocol, key, "options")
            if right is None:
                near = nearest(key, _OPTIONS)
                right = f"did you mean {where(near)}?" if near else "leave it out, or put it under body"
            yield (*at, key), "is no option of Ollama, which ignores it", right
