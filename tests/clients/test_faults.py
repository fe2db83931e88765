"""Every client against every fault of the simulator: the same outcome for all, and memory stays bounded.

The variants of a client are held to the same in ``test_conditions``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from loadgen.clients import BUILTIN, info, version
from loadgen.model import ClientId, Load, Outcome, Simulator, Timeouts
from loadgen.model.faults import FAULTS
from loadgen.simulator.faults import STATUS
from loadgen.simulator.process import Process
from tests.clients.measuring import peak_kib, record, rows
from tests.lab.cells import cell

EXPECTED: dict[str, Outcome] = {
    "none": Outcome.OK,
    "status_429": Outcome.HTTP_STATUS,
    "status_500": Outcome.HTTP_STATUS,
    "status_503": Outcome.HTTP_STATUS,
    "reset": Outcome.RESET,
    "truncate": Outcome.TRUNCATED,
    "malformed": Outcome.UNDECODABLE,
    "error_line": Outcome.SERVER_ERROR,
    "stall": Outcome.IDLE_TIMEOUT,
    "no_done": Outcome.TRUNCATED,
    "slow_accept": Outcome.OK,
    "huge_line": Outcome.UNDECODABLE,
    "endless_line": Outcome.UNDECODABLE,
    "bad_utf8": Outcome.UNDECODABLE,
}
SOON = Timeouts(connect=10, first_token=10, idle=0.3, total=20)
LATER = Timeouts(connect=20, first_token=20, idle=20, total=40)
TOKENS = 6
STREAMS = 2
MOST_KIB = 60 << 10  # for two lines of which one would take 64 MB to keep


@pytest.fixture(scope="session")
def simulators() -> Iterator[dict[str, Process]]:
    """By fault, those that have been asked for."""
    started: dict[str, Process] = {}
    with ExitStack() as stack:
        stack.callback(lambda: [process.stop() for process in started.values()])
        yield started


def simulator(started: dict[str, Process], fault: str) -> Process:
    if fault not in started:
        faults = {} if fault == "none" else {fault: 1.0}
        started[fault] = Process.start(
            Simulator(ttft=0.003, gap=0.001, tokens=TOKENS, distribution="constant", faults=faults)
        )
    return started[fault]


def test_every_fault_has_its_row() -> None:
    assert set(EXPECTED) - {"none"} == set(FAULTS)


# The five that were first meet every fault; what it is on the wire is among the conditions that all others meet.
EVERY = ("requests", "httpx-sync", "httpx-async", "aiohttp", "floor")
FEW = ("none", "slow_accept", "huge_line", "endless_line")
SDKS = ("ollama-sync", "ollama-async")  # keep a line however long it is
PAIRS = [
    (name, fault)
    for name in BUILTIN
    if version(name) is not None  # niquests does not live beside requests
    if not info(name).protocols or "ollama-generate" in info(name).protocols
    for fault in EXPECTED
    if name in EVERY or (fault in FEW and (name not in SDKS or "line" not in fault))
]


@pytest.mark.parametrize(("name", "fault"), PAIRS)
def test_outcome(simulators: dict[str, Process], fault: str, name: str) -> None:
    recording = record(
        cell(
            client=ClientId(name),
            url=simulator(simulators, fault).url,
            concurrency=STREAMS,
            timeouts=SOON if EXPECTED[fault] is Outcome.IDLE_TIMEOUT else LATER,
            load=Load(requests=1),
        )
    )
    found = rows(recording)
    assert [row.outcome for row in found] == [EXPECTED[fault]] * STREAMS, [row.error for row in found]
    for row in found:
        if fault in STATUS:
            status, message = STATUS[fault]
            assert row.status == status
            assert message in row.error
            assert row.tokens == 0
            continue
        assert row.status == 200
        if row.outcome == Outcome.OK:
            assert row.tokens == TOKENS
            assert row.error == ""
            assert row.table["server_tokens"] == TOKENS
            assert row.table["stamped"] == TOKENS
        else:
            assert 0 < row.tokens < TOKENS
        if fault == "error_line":
            assert "unexpected EOF" in row.error
    if fault in ("huge_line", "endless_line"):
        assert peak_kib(recording) < MOST_KIB
