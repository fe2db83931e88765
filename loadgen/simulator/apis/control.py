"""The simulator's own endpoints, for the measuring process and for debugging."""

from __future__ import annotations

from typing import Final

from loadgen.protocols.encoder import to_json
from loadgen.simulator import http
from loadgen.simulator.connection import Connection, Routes
from loadgen.simulator.state import State


def _counts(state: State, connection: Connection, _: http.Request) -> None:
    connection.answer(200, to_json(state.log.counts()))


def _packed(state: State, connection: Connection, _: http.Request) -> None:
    connection.answer(200, state.log.pack(), b"application/octet-stream")


def _reset(state: State, connection: Connection, _: http.Request) -> None:
    state.reset()
    connection.answer(200, b"{}")


ROUTES: Final[Routes] = {
    "/simulator/record": {"GET": _counts, "DELETE": _reset},
    "/simulator/record.bin": {"GET": _packed},
}
