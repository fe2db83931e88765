"""From a scenario to its cells, in the order they run."""

from __future__ import annotations

import base64
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from loadgen.model import Cell, ClientId, Level, Load, Scenario
from loadgen.preflight import os_limits

CONTROL_FROM = 3  # repeats from which on there is an A/A control
OPEN_S = 60.0  # arrivals of so long may be open at once, where the scenario does not say how many,
MIN_OPEN, MAX_OPEN = 100, 10_000  # but so many at least, and at most
FEW = 100  # streams on an engine, of which one more or less is a share to be mended
CELL_S = 0.7  # that a cell takes beside its streams: a process starts, its recording is saved


# Returns how many engines share the cells of a client at a level.
Engines = Callable[[ClientId, Level], int]


def cells(
    scenario: Scenario, url: str, engine_cores: tuple[int, ...], engines: Engines = lambda *_: 1
) -> list[Cell]:
    """Return every client at every level, once per repeat, each with its engines on the first of ``engine_cores``.

    Each repeat is a round in a seeded random order of its own, with the clients at one level side by side. All
    clients of a round get the same schedule: it depends on seed, level and repeat. With three repeats or more, the
    first client is measured twice, as the A/A control: how much it differs from itself estimates the noise.
    """
    url, headers = without_user(url, scenario.target.headers)
    planned: list[Cell] = []
    workload, load = scenario.workload, scenario.workload.load
    clients = list(scenario.clients)
    if scenario.repeats >= CONTROL_FROM:
        clients.append(replace(clients[0], control=True))
    several = scenario.engines if isinstance(scenario.engines, int) else 1
    fit = os_limits.most(scenario.clients, several) if load.is_open and not load.max_streams else 0
    for repeat in range(scenario.repeats):
        chance = random.Random(f"{scenario.seed}/{repeat}")
        levels = chance.sample(scenario.levels, len(scenario.levels))
        for level in levels:
            own = replace(load, ramp=load.ramp_per_stream * level.value or load.ramp)
            if load.is_open:
                own = replace(own, max_streams=max_streams(load, level, fit))
            if load.trace:
                lasts = load.trace.seconds * load.trace.rate / (level.rate or math.inf)
                own = replace(own, duration=min(lasts, load.duration or math.inf))
            for client in chance.sample(clients, len(clients)):
                cell = Cell(
                    index=len(planned) + 1,
                    client=client,
                    level=level,
                    repeat=repeat,
                    url=url,
                    path=scenario.target.path,
                    tls=scenario.target.tls,
                    headers=headers,
                    workload=replace(workload.of(client), load=own),
                    seed=scenario.seed,
                    simulated=scenario.target.simulator is not None,
                )
                planned.append(shared(cell, engines(replace(client, control=False), level), engine_cores))
    return planned


def shared(cell: Cell, engines: int, cores: tuple[int, ...]) -> Cell:
    """Return the cell for so many engines, or fewer where it has less to do, on the first of the ``cores``."""
    engines = min(engines, cell.max_streams or engines)
    return replace(cell, engines=engines, cores=cores[:engines])


def split(cell: Cell, engines: int, spare: int = 1) -> list[Cell]:
    """Return the cell for each of so many engines, or fewer where it has less to do: its slots are dealt in turn.

    Of an open load these are shares of the arrivals, ``spare`` for each engine: so many others may take over from one.
    Where few streams may be open, and not as many on each engine, it gets arrivals as it has room.
    """
    most, is_open = cell.max_streams, cell.workload.load.is_open
    engines = min(engines, most or engines)
    shares = engines * spare if is_open else 1
    if is_open and most % engines and shares < most < FEW * engines:
        shares = most
    slots = range(shares if is_open else most)
    return [replace(cell, slots=tuple(slots[place::engines]), shares=shares) for place in range(engines)]


def max_streams(load: Load, level: Level, fit: int) -> int:
    """Return the most streams of an open load that may be open at once, where ``fit`` are those that the machine takes.

    A dead server must not fill it.
    """
    if load.max_streams is not None:
        return load.max_streams
    return min(round(min(max(MIN_OPEN, (level.rate or 0.0) * OPEN_S), MAX_OPEN)), fit)


def streams(scenario: Scenario) -> int:
    """Return how many streams this machine must be able to carry at once, as far as that is known beforehand.

    Of an open load that does not say how many may be open, they are those that come while one lasts.
    """
    load, simulator = scenario.workload.load, scenario.target.simulator
    if not load.is_open:
        return max(level.streams or 0 for level in scenario.levels)
    lasts = simulator.stream_s if simulator else 0.0
    return load.max_streams or math.ceil(
        max(1.0, lasts * max(level.rate or 0.0 for level in scenario.levels))
    )


def seconds(cell: Cell, answer_s: float) -> float:
    """Return about how long the cell takes, with streams of ``answer_s`` that need not wait for one another."""
    load = cell.workload.load
    streaming = (
        load.ramp + (load.requests or 1) * answer_s if load.seconds is None else load.seconds + answer_s
    )
    return streaming + CELL_S


def without_user(url: str, headers: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """Return the URL without user and password, and these as a header: libraries differ in how they treat them."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, headers
    bare = parts._replace(netloc=host).geturl()
    if any(name.lower() == "authorization" for name in headers):
        return bare, headers
    name, _, password = user.partition(":")
    token = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    return bare, {**headers, "Authorization": f"Basic {token}"}
