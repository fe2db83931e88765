"""Which handler answers which path: the routes of every API that the simulator speaks."""

from __future__ import annotations

from typing import Final

from loadgen.protocols.encoder import to_json
from loadgen.simulator import http
from loadgen.simulator.apis import control, ollama, openai
from loadgen.simulator.connection import Connection, Routes
from loadgen.simulator.state import State

ROUTES: Final[Routes] = {**ollama.ROUTES, **openai.ROUTES, **control.ROUTES}


def answer(state: State, connection: Connection, request: http.Request) -> None:
    """Answer ``request`` now, or begin the stream that will."""
    methods = ROUTES.get(request.path)
    if methods is None:
        connection.answer(404, b"404 page not found", http.TEXT)
    elif request.method not in methods:
        connection.answer(405, b"405 method not allowed", http.TEXT, ", ".join(methods).encode())
    else:
        try:
            methods[request.method](state, connection, request)
        except http.HttpError as error:
            connection.answer(error.status, to_json({"error": str(error)}))
