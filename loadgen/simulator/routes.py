"""Which handler answers which path: the routes of every API that the simulator speaks."""

from __future__ import annotations

from typing import Final

from loadgen.simulator import http
from loadgen.simulator.apis import control, ollama, openai
from loadgen.simulator.apis.reading import Refused, encode
from loadgen.simulator.connection import Connection, Routes
from loadgen.simulator.state import State

ROUTES: Final[Routes] = {**ollama.ROUTES, **openai.ROUTES, **control.ROUTES}


def answer(state: State, connection: Connection, request: http.Request) -> None:
    """Answer ``request`` now, or begin the stream that will."""
    methods = ROUTES.get(request.path)
    if methods is None:
        connection.answer(404, b"404 page not found", http.TEXT)
        return
    handler = methods.get(request.method)
    if handler is None:
        connection.answer(405, b"405 method not allowed", http.TEXT, allow=", ".join(methods).encode())
        return
    try:
        handler(state, connection, request)
    except Refused as refused:
        connection.answer(refused.status, encode({"error": str(refused)}))
