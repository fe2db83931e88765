"""A search as JSON: ``limit.json``, and the output of ``--json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

from loadgen import files
from loadgen.capacity.result import SearchResult
from loadgen.model import ClientId, Level

FILE: Final = "limit.json"


def as_dict(result: SearchResult) -> dict[str, Any]:
    """Return the search as plain data: clients are labels, levels numbers of streams."""
    made: dict[str, Any] = _plain(
        {
            "budget": result.budget,
            "cores": result.cores,
            "rules": result.rules,
            "ttft_one_stream_ms": result.one_stream_ms,
            "clients": result.capacities,
            "crossings": result.crossings,
            "steps": result.readings,
        }
    )
    return made


def write(result: SearchResult) -> None:
    """Write ``limit.json`` into the run folder. Raises OSError."""
    with files.atomic_write(result.folder / FILE) as file:
        file.write((json.dumps(as_dict(result), indent=2) + "\n").encode())


def _plain(value: Any) -> Any:
    if isinstance(value, ClientId):
        return value.label
    if isinstance(value, Level):
        return value.streams
    if isinstance(value, Mapping):
        return {_plain(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if is_dataclass(value):
        return {_key(field.name): _plain(getattr(value, field.name)) for field in fields(value)}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _key(field: str) -> str:
    return "streams" if field == "level" else field
