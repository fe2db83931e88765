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
    "requests": Cost(311, 1.78, 0.92, 32.6, 10_211, 20.0),
    "httpx-sync": Cost(683, 2.28, 1.44, 23.3, 17_112, 20.6),
    "httpx-async": Cost(1_000, 0.1, 1.5, 60.0, 16_000, 13.0),
    "aiohttp": Cost(317, 0.08, 1.76, 81.7, 4_125, 0.0),
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
