"""Streams that arrive at a rate, with real clients and the simulator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadgen.engine.fastest import seconds_per_stream
from loadgen.lab import plan
from loadgen.lab.fastest import require_rate
from loadgen.loads import arrivals
from loadgen.model import Cell, ClientId, Level, Load, Recording, Simulator, Target
from loadgen.preflight.requirements import Refused
from loadgen.simulator.process import Process
from tests.clients.measuring import record
from tests.lab.cells import cell
from tests.lab.test_plan import SCENARIO

POISSON = Load(arrivals="poisson", duration=1.0, max_streams=50)


def at_rate(url: str, client: str = "floor") -> Cell:
    return cell(url=url, client=ClientId(client), level=Level(rate=80.0), load=POISSON)


def test_every_client_gets_the_arrivals_that_were_asked_for() -> None:
    with Process(Simulator(ttft=0.01, gap=0.002, tokens=3)) as server:
        found = {name: record(at_rate(server.url, name)) for name in ("requests", "aiohttp")}
    planned = [arrival.due for arrival in arrivals(at_rate(""))]
    assert len(planned) == 80
    for recording in found.values():
        of = recording.streams
        order = np.argsort(of.slot)
        assert (of.due[order] - recording.start).tolist() == planned
        assert set(of.outcome) == {"ok"}
        assert (of.held_ns == 0).all()
        assert (of.start >= of.due).all()
        assert (recording.not_started, recording.max_streams, recording.ended) == (0, 0, "")


def test_a_server_that_is_too_slow_is_not_asked_less() -> None:
    with Process(Simulator(ttft=0.1, gap=0.001, tokens=1, parallel=2)) as server:
        of = replace(POISSON, max_streams=6)
        recording: Recording = record(
            replace(at_rate(server.url), workload=replace(at_rate("").workload, load=of))
        )
    assert len(recording.streams) + recording.not_started == 80
    assert recording.not_started > 30
    assert (recording.streams.held_ns > 0).sum() > 5


def with_rates(*rates: float, max_streams: int | None = None) -> plan.Scenario:
    load = Load(arrivals="poisson", duration=1.0, max_streams=max_streams)
    levels = tuple(Level(rate=rate) for rate in rates)
    return replace(SCENARIO, levels=levels, workload=replace(SCENARIO.workload, load=load))


def test_without_a_number_the_arrivals_of_a_minute_may_be_open() -> None:
    cells = plan.cells(with_rates(0.5, 20.0, 1e5), "http://h", ())
    assert {cell.level.rate: cell.max_streams for cell in cells} == {0.5: 100, 20.0: 1200, 1e5: 10_000}
    assert {cell.max_streams for cell in plan.cells(with_rates(5.0, max_streams=7), "http://h", ())} == {7}
    assert plan.max_streams(Load(arrivals="poisson"), Level(rate=20.0), fit=300) == 300


def test_what_the_machine_must_carry_is_what_may_be_open_or_comes_while_a_stream_lasts() -> None:
    simulated = Target(simulator=Simulator(ttft=1.0, gap=0.1, tokens=10))
    assert plan.streams(SCENARIO) == 100
    assert plan.streams(with_rates(5.0, 20.0, max_streams=7)) == 7
    assert plan.streams(replace(with_rates(5.0, 20.0), target=simulated)) == 40
    assert plan.streams(with_rates(5.0, 20.0)) == 1


def test_a_cell_is_split_into_slots_or_shares() -> None:
    closed = cell(concurrency=5)
    assert [each.slots for each in plan.split(closed, 2)] == [(0, 2, 4), (1, 3)]
    assert len(plan.split(closed, 9)) == 5
    of = at_rate("")
    many = replace(of, workload=replace(of.workload, load=replace(POISSON, max_streams=500)))
    assert [(each.slots, each.shares, each.places) for each in plan.split(many, 3, 2)] == [
        ((0, 3), 6, 167), ((1, 4), 6, 167), ((2, 5), 6, 166),
    ]  # fmt: skip
    # Few places that are not as many on each engine have a share each, so that arrivals come as there is room.
    assert [(each.slots, each.shares, each.places) for each in plan.split(of, 3, 2)] == [
        (tuple(range(0, 50, 3)), 50, 17), (tuple(range(1, 50, 3)), 50, 17), (tuple(range(2, 50, 3)), 50, 16),
    ]  # fmt: skip


def test_a_rate_is_refused_that_leaves_no_time_for_any_client() -> None:
    require_rate(with_rates(1000.0), 1)
    per_s = 1 / seconds_per_stream("ollama-generate")
    assert 2_000 < per_s < 1_000_000
    with pytest.raises(Refused, match="at most"):
        require_rate(with_rates(5.0, 1_000_000.0), 1)
