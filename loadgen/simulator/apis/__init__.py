"""The protocols that the simulator speaks: a file for each API, which names its path and reads its requests.

What is sent is encoded by the protocol's own file in ``loadgen/protocols``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from loadgen import registry
from loadgen.model import Simulator
from loadgen.protocols.encoder import Encoder
from loadgen.simulator.connection import Connection, Handler, Routes
from loadgen.simulator.http import HttpError, Request
from loadgen.simulator.state import State
from loadgen.simulator.stream import Inference, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """How one protocol is served: ``read`` turns a request into what is wanted, or raises HttpError.

    ``refusals`` encodes the answers to requests that were not understood; ``more`` are routes beside its ``path``.
    """

    path: str
    read: Callable[[Request], Inference]
    refusals: Encoder
    method: str = "POST"
    begin: Callable[[State, Connection, Inference], object] = Stream
    more: Routes = field(default_factory=dict)

    def answer(self, state: State, connection: Connection, request: Request) -> None:
        """Begin the answer to a request, or refuse it."""
        try:
            wanted = self.read(request)
            state.check_model(wanted.encoder.model)
        except HttpError as error:
            connection.answer(error.status, self.refusals.error(str(error), error.status))
        else:
            self.begin(state, connection, wanted)


APIS: Final[dict[str, str]] = {
    "ollama-generate": "loadgen.simulator.apis.ollama:GENERATE",
    "ollama-chat": "loadgen.simulator.apis.ollama:CHAT",
    "openai-chat": "loadgen.simulator.apis.openai_chat:API",
    "openai-completions": "loadgen.simulator.apis.openai_completions:API",
    "openai-responses": "loadgen.simulator.apis.openai_responses:API",
    "anthropic-messages": "loadgen.simulator.apis.anthropic:API",
    "bytes": "loadgen.simulator.apis.generic:api",
    "ndjson": "loadgen.simulator.apis.generic:api",
    "sse": "loadgen.simulator.apis.generic:api",
}
DESCRIBED: Final = ("bytes", "ndjson", "sse")  # in this order: of two at one path the later is served
ANY: Final = "~any~"  # in a path: any text without a slash


def served(spec: Simulator) -> list[str]:
    """Return the protocols that are served unless others are chosen: all APIs, and what the scenario describes."""
    described = {each.protocol for each in spec.served}
    return [name for name in APIS if name not in DESCRIBED or name in described]


def routes(spec: Simulator, names: Sequence[str]) -> Routes:
    """Return the routes of the protocols of these names."""
    found: dict[str, dict[str, Handler]] = {}
    for name in sorted(names, key=[*APIS].index):
        api = registry.load(APIS[name], "", name)
        if not isinstance(api, Api):
            api = api(name, spec)
        for path, methods in {api.path: {api.method: api.answer}, **api.more}.items():
            found[path] = {**found.get(path, {}), **methods}
    return found
