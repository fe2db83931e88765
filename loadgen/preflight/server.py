"""Ask a server what it is: Ollama by its own API, llama.cpp by ``/props``, others by their list of models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from loadgen.model import Cell, ServerInfo
from loadgen.preflight.target import answer, full_name
from loadgen.protocols.encoder import ask

ASKED: Final = ("ollama-", "openai-", "anthropic-")  # protocols whose servers are asked
LONGEST: Final = 200  # characters that are kept of a text
MAX_INT: Final = 2**63 - 1
_NAMES = {"llamacpp": "llama.cpp", "vllm": "vLLM", "library": "Ollama"}  # in lists of models, and usual


def identify(cell: Cell) -> ServerInfo | None:
    """Return what the target says of itself and of the cell's model; ``None`` where it says nothing.

    Nothing is asked of it that takes time, and nothing that it answers is an error.
    """
    if not cell.workload.protocol.startswith(ASKED):
        return None
    base = re.sub(r"/v1/*$", "", cell.url.rstrip("/"))
    cell = replace(cell, url=base)
    version = _text(_get(cell, "/api/version"), "version")
    found = _ollama(cell, version) if version else _llama_cpp(cell) or _listed(cell)
    return None if found == ServerInfo() else found


def _ollama(cell: Cell, version: str) -> ServerInfo:
    model = cell.workload.model
    shown = _get(cell, "/api/show", {"model": model})
    details = _object(shown, "details")
    (loaded, known) = (_named(_get(cell, path), model) for path in ("/api/ps", "/api/tags"))
    return ServerInfo(
        name="Ollama",
        version=version,
        model=_text(loaded or known, "name") or _clean(model),
        family=_text(details, "family"),
        parameters=_text(details, "parameter_size"),
        quantization=_text(details, "quantization_level"),
        digest=_text(loaded or known, "digest"),
        context=_number(loaded, "context_length"),
        size_bytes=_number(loaded, "size"),
        vram_bytes=_number(loaded, "size_vram"),
    )


def _llama_cpp(cell: Cell) -> ServerInfo | None:
    props = _get(cell, "/props")
    if not _number(props, "total_slots"):
        return None
    listed = _object(_first(_get(cell, "/v1/models"), "data"), "meta")
    parameters = _number(listed, "n_params")
    path = _text(props, "model_path") or ""
    return ServerInfo(
        name="llama.cpp",
        version=_text(props, "build_info"),
        model=re.split(r"[/\\]", path)[-1] or None,  # a path of its machine is nobody's business
        parameters=f"{parameters / 1e6:,.2f}M" if parameters else None,
        quantization=_text(props, "model_ftype") or _text(listed, "ftype"),
        context=_number(_object(props, "default_generation_settings"), "n_ctx"),
        size_bytes=_number(listed, "size"),
        slots=_number(props, "total_slots"),
    )


def _listed(cell: Cell) -> ServerInfo:
    """Return what a list of models as OpenAI's has of the cell's model."""
    listed = _named(_get(cell, "/v1/models"), cell.workload.model)
    owner = _text(listed, "owned_by")
    return ServerInfo(
        name=_NAMES.get(owner or "", owner),
        version=_text(_get(cell, "/version"), "version") if owner == "vllm" else None,
        model=_text(listed, "id"),
        context=_number(listed, "max_model_len"),
    )


def _get(cell: Cell, path: str, body: dict[str, Any] | None = None) -> Any:
    return answer(ask(cell, path, "application/json", body), cell)


def _object(of: Any, name: str) -> Any:
    return of.get(name) if isinstance(of, Mapping) else None


def _first(of: Any, name: str) -> Any:
    rows = _object(of, name)
    return rows[0] if isinstance(rows, list) and rows else None


def _named(of: Any, model: str) -> Any:
    """Return the model of that name in a list of models."""
    rows = _object(of, "models")
    rows = rows if isinstance(rows, list) else _object(of, "data")
    wanted = full_name(model)
    each: Iterable[Any] = rows if isinstance(rows, list) else ()
    return next(
        (row for row in each if full_name(_text(row, "name") or _text(row, "id") or "") == wanted), None
    )


def _text(of: Any, name: str) -> str | None:
    value = _object(of, name)
    return _clean(value) or None if isinstance(value, str) else None


def _clean(text: str) -> str:
    """Return the beginning of a text, as it can be written to any file."""
    return text[:LONGEST].encode(errors="replace").decode()


def _number(of: Any, name: str) -> int | None:
    value = _object(of, name)
    return value if type(value) is int and 0 <= value <= MAX_INT else None
