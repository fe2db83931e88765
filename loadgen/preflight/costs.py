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
    """CPU of one token, of a wake-up, of one request, and of one request for each stream that is open."""

    token_loops: float
    token_switches: float
    token_trips: float
    wake_switches: float
    request_loops: float
    request_trips: float
    crowd_loops: float = 0.0


SECOND_LOOPS: Final = 45_000.0
"""What an engine costs in a second in which nothing arrives."""

COSTS: Final[Mapping[str, Cost]] = {
    "floor": Cost(101, 0.04, 0.51, 36.7, 2_692, 5.1),
    "requests": Cost(284, 2.7, 2.17, 16.0, 10_665, 36.5),
    "httpx-sync": Cost(637, 2.41, 0.57, 40.3, 8_445, 13.8, 265.8),
    "httpx-async": Cost(1_100, 0.0, 1.0, 40.0, 16_000, 13.0),
    "aiohttp": Cost(420, 0.0, 1.0, 25.0, 4_700, 3.0),
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
