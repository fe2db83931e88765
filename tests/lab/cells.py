"""Cells with nothing remarkable about them but what a test says."""

from __future__ import annotations

from typing import Any

from loadgen.model import Cell, Client, Load, Timeouts


def cell(**changes: Any) -> Cell:
    plain: dict[str, Any] = {
        "index": 1,
        "client": Client("floor"),
        "concurrency": 2,
        "repeat": 0,
        "url": "http://127.0.0.1:1",
        "headers": {},
        "protocol": "ollama-generate",
        "model": "m",
        "prompts": ("Why?",),
        "stream": True,
        "options": {},
        "load": Load(requests=1),
        "timeouts": Timeouts(connect=2.0, first_token=5.0, idle=5.0, total=10.0),
        "seed": 0,
        "cores": (),
    }
    return Cell(**plain | changes)
