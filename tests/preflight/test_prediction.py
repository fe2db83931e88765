"""What is predicted of the cores that engines need."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadgen.model import (
    ClientId,
    Level,
    Load,
    Prompt,
    RateStage,
    Scenario,
    Simulator,
    Speed,
    Target,
    Workload,
)
from loadgen.preflight.costs import COSTS
from loadgen.preflight.prediction import predict

SPEED = Speed(loop_ns=100.0, switch_ns=5_000.0, trip_ns=10_000.0)


def scenario(load: Load, *levels: Level, clients: tuple[str, ...] = ("aiohttp",)) -> Scenario:
    return Scenario(
        name="s",
        target=Target(simulator=Simulator(ttft=0.2, gap=0.04, tokens=20)),
        clients=tuple(map(ClientId, clients)),
        levels=levels,
        workload=Workload(prompts=(Prompt("p"),), load=load),
    )


def test_more_streams_need_more_cores_and_an_unlisted_client_none() -> None:
    load = Load(duration=10.0)
    found = predict(
        scenario(load, Level(streams=10), Level(streams=5000), clients=("aiohttp", "mine")), SPEED
    )
    assert [p.client.name for p in found] == ["aiohttp"] * 2
    few, many = found
    assert 0 < few.cores < 0.1
    assert many.cores > 1
    assert few.mean == few.cores
    assert few.per_core == pytest.approx(many.per_core)
    assert few.per_core * many.cores == pytest.approx(5000, rel=0.2)


def test_the_mean_is_that_of_the_window() -> None:
    steady = predict(scenario(Load(duration=10.0), Level(streams=1000)), SPEED)[0]
    ramped = predict(scenario(Load(duration=10.0, ramp=10.0), Level(streams=1000)), SPEED)[0]
    once = predict(scenario(Load(requests=1, ramp=1.0), Level(streams=1000)), SPEED)[0]
    assert steady.cores == ramped.cores == once.cores
    assert ramped.mean == pytest.approx(0.5 * steady.mean, rel=0.1)
    assert once.mean == pytest.approx(0.5 * steady.mean, rel=0.1)


def test_an_open_load_is_one_of_streams_that_follow() -> None:
    closed = predict(scenario(Load(duration=10.0), Level(streams=1000)), SPEED)[0]
    load = Load(arrivals="constant", duration=10.0)
    rate = predict(scenario(load, Level(rate=1000.0)), SPEED)[0]
    assert rate.cores == closed.cores
    stages = replace(load, duration=None, rates=(RateStage(1000.0, 10.0),))
    assert predict(scenario(stages, Level(rate=1000.0)), SPEED)[0].mean < 0.6 * closed.cores


def test_engines_share_the_work_and_are_woken_more_often() -> None:
    of = scenario(Load(duration=10.0), Level(streams=1000))
    [one], [two] = predict(of, SPEED), predict(of, SPEED, engines=2)
    assert one.cores < two.cores < 1.5 * one.cores


def test_nothing_is_predicted_of_what_the_table_does_not_hold_for() -> None:
    of = scenario(Load(duration=10.0), Level(streams=10))
    assert predict(of, None) == ()
    assert predict(replace(of, target=Target(url="http://127.0.0.1:1")), SPEED) == ()
    for changed in ({"http": "2"}, {"protocol": "bytes"}, {"connections": "new"}):
        assert predict(replace(of, workload=replace(of.workload, **changed)), SPEED) == ()  # type: ignore[arg-type]


def test_costs_are_of_clients_that_exist() -> None:
    from loadgen import clients

    assert {key.split()[0] for key in COSTS} <= set(clients.BUILTIN)


def test_a_level_of_fewer_streams_has_as_many_engines() -> None:
    of = scenario(Load(duration=10.0), Level(streams=1))
    assert predict(of, SPEED, engines=4) == predict(of, SPEED)
