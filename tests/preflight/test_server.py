"""What a server says of itself: an Ollama, a llama.cpp, others, and some that say anything."""

from __future__ import annotations

from typing import Any

import pytest

from loadgen.model import ServerInfo
from loadgen.preflight.server import identify
from tests.preflight.test_target import ByPath, answers, asking

DIGEST = "2184acf4eade53310331b19f1ddc62cb7f8ab7253c3648e499e6bf5004919c10"
DETAILS = {"family": "gemma3", "parameter_size": "268.10M", "quantization_level": "Q4_K_M"}
LISTED = {"name": "tiny:latest", "digest": DIGEST, "size": 253_113_294, "details": DETAILS}
LOADED = LISTED | {"size": 1000, "size_vram": 480, "context_length": 4096}
OLLAMA = {
    "/api/version": {"version": "0.24.0"},
    "/api/show": {"details": DETAILS, "model_info": {"gemma3.context_length": 32768}},
    "/api/tags": {"models": [LISTED | {"name": "other:latest", "digest": "no"}, LISTED]},
    "/api/ps": {"models": [LOADED]},
}
ABOUT_OLLAMA = ServerInfo(
    name="Ollama", version="0.24.0", model="tiny:latest", family="gemma3", parameters="268.10M",
    quantization="Q4_K_M", digest=DIGEST, context=4096, size_bytes=1000, vram_bytes=480,
)  # fmt: skip
LLAMA_CPP = {
    "/props": {
        "total_slots": 2, "build_info": "b6500-abc", "model_ftype": "Q4_K - Medium",
        "model_path": "/home/somebody/gemma.gguf", "default_generation_settings": {"n_ctx": 1024},
    },
    "/v1/models": {"data": [{"id": "a path", "meta": {"n_params": 268_098_176, "size": 246_587_904}}]},
}  # fmt: skip
ABOUT_LLAMA_CPP = ServerInfo(
    name="llama.cpp", version="b6500-abc", model="gemma.gguf", parameters="268.10M",
    quantization="Q4_K - Medium", context=1024, size_bytes=246_587_904, slots=2,
)  # fmt: skip
VLLM = {
    "/v1/models": {"data": [{"id": "tiny", "owned_by": "vllm", "max_model_len": 8192}]},
    "/version": {"version": "0.11.0"},
}
ABOUT_VLLM = ServerInfo(name="vLLM", version="0.11.0", model="tiny", context=8192)


def said(pages: dict[str, Any], protocol: str = "openai-chat", path: str = "") -> ServerInfo | None:
    with ByPath({at: answers(200, body) for at, body in pages.items()}) as server:
        return identify(asking(server.url + path, model="tiny", protocol=protocol))


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        (OLLAMA, ABOUT_OLLAMA),
        (LLAMA_CPP, ABOUT_LLAMA_CPP),
        (VLLM, ABOUT_VLLM),
        ({}, None),
        ({"/v1/models": {"data": [{"id": "another", "owned_by": "me"}]}}, None),
    ],
)
@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
def test_servers_are_known_by_what_they_answer(pages, expected, path):
    assert said(pages, path=path) == expected


def test_a_model_that_is_not_in_memory_has_no_size_there():
    found = said({**OLLAMA, "/api/ps": {"models": []}}, "ollama-generate")
    assert found
    assert (found.digest, found.model, found.size_bytes, found.context) == (DIGEST, "tiny:latest", None, None)


@pytest.mark.parametrize(
    ("size", "vram", "processor"),
    [(1000, 0, "100% CPU"), (1000, 1000, "100% GPU"), (1000, 480, "52%/48% CPU/GPU"), (1000, 2000, "100% GPU"),
     (0, 0, None), (None, None, None), (1000, None, None)],
)  # fmt: skip
def test_the_processor_is_said_as_ollama_says_it(size, vram, processor):
    assert ServerInfo(size_bytes=size, vram_bytes=vram).processor == processor


@pytest.mark.parametrize("odd", [
    "no JSON", [], None, 7, ["\ud83d"], {"version": 7}, {"version": ["0.24"]}, {"models": 3}, {"models": [3, None]},
    {"data": {"0": 1}}, {"total_slots": -1}, {"total_slots": True}, {"details": []}, {"total_slots": 10**30},
])  # fmt: skip
def test_whatever_a_server_says_nothing_breaks(odd):
    paths = {*OLLAMA, *LLAMA_CPP, *VLLM}
    assert said(dict.fromkeys(paths, odd)) is None
    for path in OLLAMA:
        found = said({**OLLAMA, path: odd}, "ollama-chat")
        assert found is None or found.name == "Ollama"


def test_texts_are_cut_and_can_be_written():
    found = said({**OLLAMA, "/api/version": {"version": "\ud83d" + 1000 * "9"}})
    assert found
    assert found.version
    assert len(found.version.encode()) == 200


def test_another_protocol_asks_nothing():
    with ByPath({}) as server:
        assert identify(asking(server.url, protocol="sse")) is None
        assert server.requests == []


def test_a_server_that_is_not_there_says_nothing():
    assert identify(asking("http://127.0.0.1:1")) is None
