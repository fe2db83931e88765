"""What each client's engine costs, in units of :class:`~loadgen.model.Speed`: data, written by ``benchmarks/costs.py``.

A client that is not listed, such as another package's, has no prediction; nor has one with an option that is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from loadgen import clients
from loadgen.model import ClientId

IRRELEVANT: Final = ("stack", "limits", "read_bufsize", "stream", "protocol", "connections", "http")
"""Options that do not change the cost, or that the workload of the client has."""


class Cost(NamedTuple):
    """CPU of one token, of a wake-up for it, of one request, of one request for each open stream, and of a second."""

    token_loops: float
    token_trips: float
    wake_switches: float
    request_loops: float
    request_trips: float
    crowd_loops: float = 0.0
    second_loops: float = 40_000.0


COSTS: Final[Mapping[str, Cost]] = {
    "requests": Cost(500, 2.0, 6.0, 9_000, 15.0),
    "httpx-sync": Cost(900, 2.0, 6.0, 14_000, 15.0),
    "httpx-async": Cost(1_100, 2.0, 2.0, 14_000, 15.0),
    "aiohttp": Cost(350, 2.0, 2.0, 6_000, 15.0),
    "floor": Cost(120, 1.5, 2.0, 3_000, 15.0),
}


def cost(client: ClientId) -> Cost | None:
    """Return what the client costs; ``None`` where that is not known."""
    return COSTS.get(key(client))


def key(client: ClientId) -> str:
    """Return the client's key in the table: its name, and the options that change its cost."""
    try:
        known = clients.options(client.name)
    except (LookupError, ImportError, clients.InvalidClient):
        return client.name
    usual = {name: values[0] for name, values in known.items() if isinstance(values, tuple)}
    chosen = {
        name: value
        for name, value in client.options.items()
        if name not in IRRELEVANT and usual.get(name) != value
    }
    return ClientId(client.name, chosen).label
