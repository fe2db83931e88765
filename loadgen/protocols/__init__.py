"""Wire formats without I/O: build the request, decode bytes into events, encode events for the simulator."""

from __future__ import annotations

from loadgen import registry
from loadgen.protocols.events import Decoder, End, Error, Event, Protocol, Token, Undecodable

GROUP = "loadgen.protocols"

BUILTIN: dict[str, str] = {
    "ollama-generate": "loadgen.protocols.ollama:Generate",
    "ollama-chat": "loadgen.protocols.ollama:Chat",
    "openai-chat": "loadgen.protocols.openai:Chat",
}


def names() -> list[str]:
    """Every protocol's name."""
    return registry.names(BUILTIN, GROUP)


def load(name: str) -> Protocol:
    """The protocol of that name. Raises LookupError for a name nobody knows."""
    protocol: Protocol = registry.load(BUILTIN.get(name), GROUP, name)()
    return protocol


__all__ = ["BUILTIN", "Decoder", "End", "Error", "Event", "Protocol", "Token", "Undecodable", "load", "names"]
