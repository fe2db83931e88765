"""From a scenario to its cells, in the order they run."""

from __future__ import annotations

import base64
import random
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from loadgen.model import Cell, Scenario

CONTROL_FROM = 3  # repeats


def cells(scenario: Scenario, url: str, engine_cores: tuple[int, ...]) -> list[Cell]:
    """Every client at every concurrency, once per repeat; each repeat is a block in its own seeded order, with
    the clients at one concurrency side by side.

    The load of a block is the same for all clients: its schedule depends on seed, concurrency and repeat. Three
    repeats or more tell how much figures differ by themselves: the first client is then measured twice.
    """
    url, headers = _open(url, scenario.target.headers)
    planned: list[Cell] = []
    clients = list(scenario.clients)
    if scenario.repeats >= CONTROL_FROM:
        clients.append(replace(clients[0], control=True))
    for repeat in range(scenario.repeats):
        chance = random.Random(f"{scenario.seed}/{repeat}")
        block = [
            (client, level)
            for level in chance.sample(scenario.levels, len(scenario.levels))
            for client in chance.sample(clients, len(clients))
        ]
        for client, level in block:
            load = scenario.workload.load
            if load.ramp_per_stream:
                load = replace(load, ramp=load.ramp_per_stream * level.value)
            options = dict(client.options)
            planned.append(
                Cell(
                    index=len(planned) + 1,
                    client=client,
                    level=level,
                    repeat=repeat,
                    url=url,
                    headers=headers,
                    workload=replace(
                        scenario.workload,
                        load=load,
                        stream=options.get("stream", scenario.workload.stream),
                    ),
                    seed=scenario.seed,
                    cores=engine_cores,
                )
            )
    return planned


def _open(url: str, headers: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """User and password as a header: libraries differ in what they make of them in a URL."""
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
