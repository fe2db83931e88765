"""Every client in every protocol and version of HTTP that `validate` allows: docs/client-protocols.md lists these."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from loadgen import protocols
from loadgen.clients import BUILTIN, info, version
from loadgen.model import Cell, ClientId, Events, Outcome, Served, Simulator, Template, Tls
from loadgen.scenario.resolve import refusals
from loadgen.simulator.process import Process
from tests.clients.measuring import AT_ONCE
from tests.lab.cells import cell

ROOT = Path(__file__).parents[2]
PARTS = 2
INSTALLED = [name for name in BUILTIN if version(name) is not None]
# What a scenario says of the protocols that have no API of their own.
SERVED = {
    "bytes": Served(protocol="bytes", request=Template(path="/file")),
    "ndjson": Served(
        protocol="ndjson", request=Template(path="/lines"), events=Events(text="/text", end="/done")
    ),
    "sse": Served(
        protocol="sse", request=Template(path="/events"), events=Events(text="/text", end="[DONE]")
    ),
}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Process]]:
    """HTTP/1.1 over plain TCP, HTTP/2 over TLS; test_versions.py has the others."""
    with ExitStack() as stack:
        yield {
            http: stack.enter_context(
                Process(
                    Simulator(
                        ttft=0.002,
                        gap=0.001,
                        tokens=3,
                        size=5000,
                        tls=http == "2",
                        served=tuple(SERVED.values()),
                    )
                )
            )
            for http in ("1.1", "2")
        }


def allowed(name: str, servers: dict[str, Process]) -> Iterator[Cell]:
    """Yield a cell for each protocol and version that the client may be measured with."""
    connections = info(name).connections[0]
    for http, server in reversed(servers.items()):  # h2 is hidden from who is held to HTTP/1.1
        for protocol in protocols.BUILTIN:
            if not [*refusals(ClientId(name), protocol, http, connections)]:
                of = SERVED.get(protocol)
                own = {"request": of.request, "events": of.events} if of else {}
                yield cell(
                    client=ClientId(name),
                    url=server.url,
                    tls=Tls(ca=server.ca),
                    protocol=protocol,
                    http=http,
                    connections=connections,
                    concurrency=1,
                    **own,
                )


def run(cells: Sequence[Cell]) -> list[list[tuple[str, str, int, str]]]:
    """Return the streams of each cell."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.clients.many"],
        input=b"\n".join(map(msgspec.json.encode, cells)),
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    found = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    assert len(found) == len(cells), cells[len(found)]
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_what_validate_allows_can_be_measured(servers: dict[str, Process], part: int) -> None:
    jobs = [[*allowed(name, servers)] for name in INSTALLED[part::PARTS]]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [*pool.map(run, jobs)]
    wrong = []
    for cells, results in zip(jobs, found, strict=True):
        for one, streams in zip(cells, results, strict=True):
            of, size = one.workload, 5000 if one.workload.protocol == "bytes" else 3
            if [stream[:3] for stream in streams] != [[Outcome.OK, of.http, size]]:
                wrong.append(f"{one.client}, {of.protocol}, HTTP/{of.http}: {streams}")
    assert not wrong, "\n".join(wrong)
