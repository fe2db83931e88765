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
    "floor": Cost(62, 0.16, 0.4, 41.3, 3_280, 9.6),
    "requests": Cost(355, 1.33, 0.97, 42.1, 11_716, 10.0),
    "httpx-sync": Cost(663, 1.54, 0.96, 39.0, 10_939, 8.0),
    "httpx-async": Cost(825, 0.32, 1.23, 130.9, 17_261, 0.0),
    "aiohttp": Cost(224, 0.22, 0.92, 80.6, 6_321, 10.7),
    "aiohttp loop=uvloop": Cost(208, 0.04, 0.94, 70.1, 3_154, 9.4),
    "urllib3": Cost(134, 3.95, 2.73, 41.9, 4_736, 3.1),
    "httpx-aiohttp": Cost(238, 0.02, 0.9, 107.5, 10_733, 1.2),
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
