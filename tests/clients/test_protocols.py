"""Every client in every protocol and version of HTTP that `validate` allows: docs/client-protocols.md lists these."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from loadgen import protocols
from loadgen.clients import BUILTIN, info, version
from loadgen.model import Cell, ClientId, Events, Outcome, Served, Simulator, Template, Timeouts, Tls
from loadgen.scenario.resolve import refusals
from loadgen.simulator.process import Process
from tests.clients.measuring import streams_of
from tests.lab.cells import cell

PARTS = 2
# None of them is what a test is about: an SDK takes half a second of CPU to make its types at its first answer.
LONG = Timeouts(connect=60, first_token=60, idle=60, total=60)
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
    for http, server in servers.items():
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
                    timeouts=LONG,
                    **own,
                )


@pytest.mark.parametrize("part", range(PARTS))
def test_what_validate_allows_can_be_measured(servers: dict[str, Process], part: int) -> None:
    cells = [one for name in INSTALLED[part::PARTS] for one in allowed(name, servers)]
    wrong = []
    for one, streams in zip(cells, streams_of(cells), strict=True):
        of, size = one.workload, 5000 if one.workload.protocol == "bytes" else 3
        found = [
            (each.outcome, each.http, sum(memoryview(each.counts).cast("H")) or each.size) for each in streams
        ]
        if found != [(Outcome.OK, of.http, size)]:
            wrong.append(f"{one.client}, {of.protocol}, HTTP/{of.http}: {found} {streams[0].error}")
    assert not wrong, "\n".join(wrong)
