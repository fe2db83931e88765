"""Wire formats without I/O: build the request, decode bytes into events, encode events for the simulator.

Framing is separate from meaning: ``sse``, ``ndjson`` and ``raw`` split a body, a file for each API reads the parts.
Protocols of other packages come through the entry-point group ``loadgen.protocols``.
"""

from __future__ import annotations

from loadgen import registry
from loadgen.model import Workload
from loadgen.protocols.events import (
    Bounded,
    Decoder,
    Described,
    End,
    Error,
    Event,
    Protocol,
    Searching,
    Shortcut,
    Token,
    Undecodable,
)

GROUP = "loadgen.protocols"

BUILTIN: dict[str, str] = {
    "ollama-generate": "loadgen.protocols.ollama:Generate",
    "ollama-chat": "loadgen.protocols.ollama:Chat",
    "openai-chat": "loadgen.protocols.openai:Chat",
    "openai-completions": "loadgen.protocols.openai_completions:Completions",
    "openai-responses": "loadgen.protocols.openai_responses:Responses",
    "anthropic-messages": "loadgen.protocols.anthropic:Messages",
    "bytes": "loadgen.protocols.generic:Bytes",
    "ndjson": "loadgen.protocols.generic:Ndjson",
    "sse": "loadgen.protocols.generic:Sse",
}


def names() -> list[str]:
    """Return every protocol's name."""
    return registry.names(BUILTIN, GROUP)


def load(name: str) -> Protocol:
    """Return the protocol of that name. Raises LookupError for an unknown name, ImportError for a broken module."""
    protocol: Protocol = registry.load(BUILTIN.get(name), GROUP, name)()
    return protocol


def of(workload: Workload) -> Protocol:
    """Return the protocol of a workload, with what the workload says of it. Raises as :func:`load`."""
    protocol = load(workload.protocol)
    return protocol.bound(workload) if isinstance(protocol, Described) else protocol


def is_simulated(name: str) -> bool:
    """Return whether the simulator serves the protocol's API. Raises as :func:`load`."""
    return getattr(load(name), "simulated", False)


def takes_messages(name: str) -> bool:
    """Return whether the protocol's requests hold the messages of a chat. Raises as :func:`load`."""
    return getattr(load(name), "takes_messages", False)


__all__ = [
    "Bounded",
    "Decoder",
    "Described",
    "End",
    "Error",
    "Event",
    "Protocol",
    "Searching",
    "Shortcut",
    "Token",
    "Undecodable",
]
__all__ += ["BUILTIN", "is_simulated", "load", "names", "of", "takes_messages"]
