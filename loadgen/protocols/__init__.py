"""Wire formats without I/O: build the request, decode bytes into events, encode events for the simulator.

Framing stands apart from meaning: ``sse``, ``ndjson`` and ``raw`` know how a body is cut, a file for each API what
its pieces mean. An outsider's protocol comes through the entry-point group ``loadgen.protocols``.
"""

from __future__ import annotations

from loadgen import registry
from loadgen.protocols.events import Decoder, End, Error, Event, Protocol, Token, Undecodable

GROUP = "loadgen.protocols"

BUILTIN: dict[str, str] = {
    "ollama-generate": "loadgen.protocols.ollama:Generate",
    "ollama-chat": "loadgen.protocols.ollama:Chat",
    "openai-chat": "loadgen.protocols.openai:Chat",
}

SIMULATED = frozenset({"ollama-generate", "ollama-chat", "openai-chat"})
"""Protocols whose API the simulator serves."""


def names() -> list[str]:
    """Return every protocol's name."""
    return registry.names(BUILTIN, GROUP)


def load(name: str) -> Protocol:
    """Return the protocol of that name. Raises LookupError for an unknown name."""
    protocol: Protocol = registry.load(BUILTIN.get(name), GROUP, name)()
    return protocol


def is_simulated(name: str) -> bool:
    """Return whether the simulator serves the protocol's API; another package's protocol says so by ``simulated``.

    Raises LookupError for an unknown name and ImportError where another package's protocol cannot be imported.
    """
    return name in SIMULATED or (name not in BUILTIN and getattr(load(name), "simulated", False))


__all__ = ["Decoder", "End", "Error", "Event", "Protocol", "Token", "Undecodable"]
__all__ += ["BUILTIN", "SIMULATED", "is_simulated", "load", "names"]
