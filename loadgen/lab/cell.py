"""Measure one cell with one engine."""

from __future__ import annotations

from collections.abc import Callable

from loadgen import store
from loadgen.lab.engine import Engine, EngineError
from loadgen.model import Cell, Listener, Recording, ServerLog


def record(
    cell: Cell, listener: Listener, interrupted: Callable[[], bool], server: Callable[[], ServerLog | None]
) -> Recording:
    """Run ``cell`` and return all that it left. ``server`` returns the server's own log of it."""
    engine = Engine(cell, listener)
    try:
        engine.run(interrupted)
    except EngineError as error:
        engine.ended = f"the engine failed: {error}"
    finally:
        engine.close()
    return store.filled(engine.recording(server()), *engine.take())
