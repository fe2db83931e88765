"""The search, on clients, noise and servers that are made up."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from loadgen.capacity.readings import Obstacle, Reading, Verdict
from loadgen.capacity.search import MAX_OBSTRUCTED, Rules, Search, search
from loadgen.model import ClientId, Level
from tests.capacity.searching import cliff, reading, searched

Measure = Callable[[ClientId, float, int], Reading]
CLIENT = ClientId("aiohttp")
LATE = Obstacle(kind="late", late_p99_ms=60.0)


def sharp(limit: int) -> Measure:
    return lambda client, streams, _: reading(client, streams, 0.2 if streams <= limit else 20.0)


def alone(measure: Measure, start: int = 8, max_streams: int = 4096, precision: float = 0.1) -> Search:
    one = Search(CLIENT, Rules(start=start, highest=max_streams, precision=precision))
    search([one], 0, measure)
    return one


def blocked(client: ClientId, streams: float, verdict: Verdict = "simulator") -> Reading:
    return Reading(client=client, level=Level(streams=int(streams)), verdict=verdict, use=2.0, obstacle=LATE)


@pytest.mark.parametrize("limit", [1, 3, 8, 9, 63, 64, 65, 700, 4000])
def test_the_bracket_closes_around_the_limit(limit: int) -> None:
    found = alone(sharp(limit))
    assert found.high is not None
    assert found.low <= limit < found.high
    assert found.high <= found.low * 1.1 + 1
    reported = found.result()
    assert reported.stopped == "budget"
    assert reported.bound == "lag_p99"
    assert reported.limit is not None
    assert reported.limit.value == reported.at_least == found.low
    assert reported.limit.low <= reported.limit.value <= reported.limit.high
    assert len(found.at(found.low)) == found.rules.confirm


def test_a_finer_precision_takes_more_cells() -> None:
    coarse, fine = alone(sharp(700), precision=0.5), alone(sharp(700), precision=0.02)
    assert len(coarse.readings) < len(fine.readings)
    assert fine.high is not None
    assert fine.high <= fine.low * 1.02 + 1


def test_a_level_at_which_one_cell_of_five_fails_is_over_the_limit() -> None:
    def measure(client: ClientId, streams: float, repeat: int) -> Reading:
        collapses = streams > 120 or (streams > 100 and repeat == 3)
        return reading(client, streams, 30.0 if collapses else 0.4)

    found = alone(measure, precision=0.05)
    limit = found.result().limit
    assert limit is not None
    assert 95 <= limit.value <= 100
    assert len(found.at(limit.value)) == 5
    unsure = {value for value in (each.level.value for each in found.readings) if 100 < value <= 120}
    assert unsure
    assert all(len(found.at(value)) <= 4 for value in unsure)


def test_the_limit_is_the_highest_level_that_held_in_all_of_its_cells() -> None:
    chance = random.Random(5)

    def measure(client: ClientId, streams: float, repeat: int) -> Reading:
        return reading(client, streams, 0.4 if chance.random() < (500 / streams) ** 3 else 30.0)

    found = alone(measure)
    limit = found.result().limit
    assert limit is not None
    held = {
        value: all(each.verdict == "within" for each in found.at(value))
        for value in {each.level.value for each in found.readings}
    }
    assert max(value for value, holds in held.items() if holds and len(found.at(value)) == 5) == limit.value
    assert min(value for value, holds in held.items() if not holds) > limit.value


def test_on_the_way_up_one_clear_cell_is_enough() -> None:
    found = alone(sharp(100))
    assert len(found.at(8)) == len(found.at(64)) == 1
    assert len(found.at(128)) == 1


def test_a_client_that_carries_all_is_bounded_by_the_most() -> None:
    found = alone(sharp(10_000), max_streams=100).result()
    assert (found.at_least, found.below, found.limit, found.stopped) == (100, None, None, "highest")


def test_a_client_that_carries_nothing_is_bounded_from_above() -> None:
    found = alone(sharp(0)).result()
    assert (found.at_least, found.below, found.limit) == (None, 1, None)


@pytest.mark.parametrize("verdict", ["simulator", "machine", "unmeasured"])
def test_what_another_cannot_carry_is_never_the_clients_limit(verdict: Verdict) -> None:
    def measure(client: ClientId, streams: float, repeat: int) -> Reading:
        return reading(client, streams, 0.2) if streams < 200 else blocked(client, streams, verdict)

    one = alone(measure)
    found = one.result()
    assert (found.at_least, found.limit, found.stopped, found.tried) == (128, None, verdict, 256)
    assert found.obstacle == LATE
    assert len(one.at(256)) == MAX_OBSTRUCTED


def test_a_passing_disturbance_is_outlasted() -> None:
    def measure(client: ClientId, streams: float, repeat: int) -> Reading:
        return (
            blocked(client, streams, "machine")
            if repeat < MAX_OBSTRUCTED - 1
            else sharp(300)(client, streams, repeat)
        )

    found = alone(measure)
    assert found.stuck is None or found.stuck.level > Level(streams=8)
    assert found.low >= 8


def test_a_step_stuck_inside_the_bracket_leaves_the_bracket() -> None:
    def measure(client: ClientId, streams: float, repeat: int) -> Reading:
        return blocked(client, streams) if 300 < streams < 500 else sharp(400)(client, streams, repeat)

    found = alone(measure).result()
    assert (found.at_least, found.below, found.stopped) == (256, 512, "simulator")
    assert found.limit is None


def test_clients_take_turns_in_a_seeded_order() -> None:
    def ran(seed: int) -> list[str]:
        order: list[str] = []

        def measure(client: ClientId, streams: float, repeat: int) -> Reading:
            order.append(client.name)
            return sharp(500)(client, streams, repeat)

        search([Search(ClientId(name), Rules(start=64, highest=4096)) for name in "abc"], seed, measure)
        return order

    order = ran(1)
    assert all(set(order[place : place + 3]) == set("abc") for place in range(0, len(order) - 2, 3))
    assert order == ran(1) != ran(2)


def test_an_interrupted_search_knows_bounds_only() -> None:
    cells: list[float] = []

    def measure(client: ClientId, streams: float, repeat: int) -> Reading:
        cells.append(streams)
        return (
            sharp(100)(client, streams, repeat) if len(cells) < 5 else blocked(client, streams, "unmeasured")
        )

    one = Search(CLIENT, Rules(start=64, highest=4096))
    search([one], 0, measure, interrupted=lambda: len(cells) > 4)
    found = one.result()
    assert (found.stopped, found.limit, found.at_least, found.below) == ("interrupted", None, 91, 108)
    assert len(one.readings) == 4


def test_a_search_takes_few_cells() -> None:
    assert max(len(searched(cliff, 700, 0.2, seed).readings) for seed in range(20)) <= 26
