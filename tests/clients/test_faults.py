"""Every client against every fault of the simulator: the same outcome for all, and memory stays bounded."""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import ExitStack
from functools import cache

import pytest

from loadgen.model import ClientId, Load, Outcome, Simulator, Timeouts
from loadgen.model.scenario import FAULTS
from loadgen.simulator.plan import Planner
from loadgen.simulator.process import Process
from loadgen.simulator.stream import STATUS
from tests.clients.measuring import Row, peak_kib, record_each, rows, share
from tests.lab.cells import cell

EXPECTED: dict[str | None, Outcome] = {
    None: Outcome.OK,
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
# The SDK keeps a line however long it is, and replaces what is no UTF-8.
NOT_WITH_OLLAMA = ("huge_line", "endless_line", "bad_utf8")
TIMEOUTS = Timeouts(connect=20, first_token=20, idle=2, total=40)
TOKENS = 6
MAX_KIB = 60 << 10  # for two long lines, of which one would take 64 MB to keep
PARTS = 2


def test_every_fault_has_its_row() -> None:
    assert set(EXPECTED) - {None} == set(FAULTS)


@cache
def simulator(without: tuple[str, ...]) -> tuple[Simulator, list[str | None]]:
    """A simulator whose first requests meet every fault, long lines once, and what each of them meets."""
    faults = [fault for fault in FAULTS if fault not in without]
    each = dict.fromkeys(faults, 1 / (len(faults) + 1))  # and as often none
    for seed in itertools.count():
        spec = Simulator(
            ttft=0.003, gap=0.001, tokens=TOKENS, distribution="constant", faults=each, seed=seed
        )
        planner, met = Planner(spec), list[str | None]()
        while {*met} != {None, *faults}:
            met.append(planner.plan(len(met)).fault)
        if len(met) < 40 and met.count("huge_line") <= 1 and met.count("endless_line") <= 1:
            return spec, met
    raise AssertionError


@pytest.mark.parametrize("part", range(PARTS))
def test_every_fault_has_the_same_outcome_with_every_client(part: int) -> None:
    clients = [client for client in share(part, PARTS) if set(client.options) <= {"loop"}]
    simulators = [simulator(NOT_WITH_OLLAMA if "ollama" in client.name else ()) for client in clients]
    with ExitStack() as stack:
        cells = [
            cell(
                client=client,
                url=stack.enter_context(Process(spec)).url,
                concurrency=len(met),
                timeouts=TIMEOUTS,
                max_message=4 << 20,
                load=Load(requests=1),
            )
            for client, (spec, met) in zip(clients, simulators, strict=True)
        ]
        recordings = record_each(cells)
    for client, recording, (_, met) in zip(clients, recordings, simulators, strict=True):
        found = rows(recording)
        # Which stream meets which fault depends on when it arrives.
        errors = [(row.outcome, row.error) for row in found]
        assert Counter(row.outcome for row in found) == Counter(EXPECTED[fault] for fault in met), errors
        statuses = [STATUS[fault][0] for fault in met if fault in STATUS]
        assert sorted(row.status for row in found if row.status != 200) == sorted(statuses), client
        for row in found:
            check(client, row)
        if "ollama" not in client.name:
            assert peak_kib(recording) < MAX_KIB, client


def check(client: ClientId, row: Row) -> None:
    if row.outcome == Outcome.HTTP_STATUS:
        assert " ".join(STATUS[f"status_{row.status}"][1].split()) in " ".join(row.error.split()), client
        assert row.tokens == 0
    elif row.outcome == Outcome.OK:
        assert row.tokens == row.table["server_tokens"] == row.table["stamped"] == TOKENS, client
        assert row.error == "", client
    else:
        assert 0 < row.tokens < TOKENS, client
    if row.outcome == Outcome.SERVER_ERROR:
        assert "unexpected EOF" in row.error, client
