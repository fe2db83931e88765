"""From a scenario to its cells."""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import replace

import pytest

from loadgen.lab import plan
from loadgen.model import ClientId, Level, Load, Prompt, Scenario, Stage, Target, Timeouts, Trace, Workload

SCENARIO = Scenario(
    name="x",
    target=Target(url="http://h", headers={"X-Own": "1"}),
    clients=(ClientId("requests"), ClientId("aiohttp"), ClientId("aiohttp", {"loop": "uvloop"})),
    levels=tuple(Level(streams=streams) for streams in (1, 10, 100)),
    workload=Workload(
        load=Load(duration=1.0),
        prompts=(Prompt("a"), Prompt("b")),
        protocol="ollama-chat",
        model="m",
        options={"num_predict": 3},
        timeouts=Timeouts(connect=1.0),
    ),
    repeats=2,
    seed=5,
)


def with_load(load: Load) -> Scenario:
    return replace(SCENARIO, workload=replace(SCENARIO.workload, load=load))


def order(scenario: Scenario) -> list[tuple[str, int, int]]:
    return [
        (cell.client.label, cell.max_streams, cell.repeat) for cell in plan.cells(scenario, "http://h", ())
    ]


def test_every_repeat_is_a_complete_round() -> None:
    found = order(SCENARIO)
    rounds = [found[at : at + 9] for at in range(0, 18, 9)]
    wanted = Counter(
        (client.label, concurrency) for client in SCENARIO.clients for concurrency in (1, 10, 100)
    )
    for repeat, cells in enumerate(rounds):
        assert {each[2] for each in cells} == {repeat}
        assert Counter(each[:2] for each in cells) == wanted


def test_the_order_is_seeded_and_differs_between_rounds() -> None:
    found = order(SCENARIO)
    assert found == order(SCENARIO)
    assert found != order(replace(SCENARIO, seed=6))
    assert [each[:2] for each in found[:9]] != [each[:2] for each in found[9:18]]
    assert [each[0] for each in found[:9]] != sorted(each[0] for each in found[:9])


def test_clients_at_one_concurrency_run_side_by_side() -> None:
    found = order(SCENARIO)
    assert [len({each[1] for each in found[at : at + 3]}) for at in range(0, 18, 3)] == [1] * 6
    assert len({tuple(each[1] for each in found[at : at + 9]) for at in (0, 9)}) == 2


def test_three_repeats_measure_the_first_client_twice() -> None:
    found = Counter(order(replace(SCENARIO, repeats=3)))
    names = ("requests", "aiohttp", "aiohttp loop=uvloop", "requests (A/A)")
    assert found == Counter((name, n, repeat) for name in names for n in (1, 10, 100) for repeat in range(3))
    controls = [
        cell for cell in plan.cells(replace(SCENARIO, repeats=3), "http://h", ()) if cell.client.control
    ]
    assert [cell.client for cell in controls] == [ClientId("requests", control=True)] * 9


def test_cells_carry_the_scenario_and_are_counted_from_1() -> None:
    cells = plan.cells(SCENARIO, "http://target", (3,))
    assert [cell.index for cell in cells] == list(range(1, 19))
    assert {(cell.url, cell.headers["X-Own"], cell.seed, cell.cores) for cell in cells} == {
        ("http://target", "1", 5, (3,))
    }
    assert all(cell.workload == SCENARIO.workload for cell in cells)


def test_a_ramp_per_stream_grows_with_the_streams() -> None:
    cells = plan.cells(with_load(Load(requests=1, ramp_per_stream=0.5)), "http://h", ())
    assert {(cell.max_streams, cell.workload.load.ramp) for cell in cells} == {
        (1, 0.5),
        (10, 5.0),
        (100, 50.0),
    }


def test_each_speed_of_a_trace_has_its_own_end() -> None:
    trace = Trace(file="t.jsonl", rate=2.0, seconds=30.0)
    load = Load(arrivals="trace", trace=trace, duration=20.0)
    levels = (Level(rate=2.0), Level(rate=6.0))
    cells = plan.cells(replace(with_load(load), levels=levels, repeats=1), "http://h", ())
    assert {(cell.level.rate, cell.workload.load.seconds) for cell in cells} == {(2.0, 20.0), (6.0, 10.0)}


def test_stages_make_one_level() -> None:
    load = Load(stages=(Stage(7, 1.0), Stage(0, 1.0)))
    cells = plan.cells(replace(with_load(load), levels=(Level(streams=7),), repeats=1), "http://h", ())
    assert [(cell.max_streams, cell.workload.load, cell.slots) for cell in cells] == [(7, load, None)] * 3


def test_a_variant_may_ask_for_whole_answers() -> None:
    variants = (
        ClientId("requests", {"stream": False}),
        ClientId("requests", {"stream": True}),
        ClientId("requests"),
    )
    cells = plan.cells(replace(SCENARIO, clients=variants), "http://h", ())
    assert {(cell.client.label, cell.workload.stream) for cell in cells} == {
        ("requests stream=false", False),
        ("requests stream=true", True),
        ("requests", True),
    }


@pytest.mark.parametrize(
    ("url", "headers", "bare", "sent"),
    [
        ("http://h:1/x", {}, "http://h:1/x", {}),
        (
            "http://me:p%40ss@h:1/x?y=1",
            {},
            "http://h:1/x?y=1",
            {"Authorization": "Basic " + base64.b64encode(b"me:p@ss").decode()},
        ),
        ("http://me:pass@h", {"authorization": "Bearer k"}, "http://h", {"authorization": "Bearer k"}),
    ],
)
def test_a_password_in_the_url_becomes_a_header(
    url: str, headers: dict[str, str], bare: str, sent: dict[str, str]
) -> None:
    wanted = replace(SCENARIO, target=Target(url=url, headers=headers))
    for cell in plan.cells(wanted, url, ()):
        assert (cell.url, cell.headers) == (bare, sent)
