"""Which stream of an open load starts next, without a clock."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from loadgen import loads
from loadgen.engine.schedule import SOON_NS, Schedule
from loadgen.lab import plan
from loadgen.model import FOREVER, Arrival, Level, Load
from tests.lab.cells import cell

SECOND = 1_000_000_000
CONSTANT = Load(arrivals="constant", duration=10.0, max_streams=100)


def schedule(start: int = 0, load: Load = CONSTANT, rate: float = 1.0, **changes: Any) -> Schedule:
    made = Schedule(cell(level=Level(rate=rate), load=load, **changes))
    made.start(start)
    return made


def limited(max_streams: int, seconds: float = 10.0, **changes: Any) -> Schedule:
    return schedule(load=Load(arrivals="constant", duration=seconds, max_streams=max_streams), **changes)


def slots(found: list[Arrival]) -> list[int | None]:
    return [arrival.slot for arrival in found]


def dues(found: list[Arrival]) -> list[float]:
    return [arrival.due / SECOND for arrival in found]


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Load:
    """An open load, as one that is not in the package would be added: a stream each second, for ever."""

    def each_second(_: object) -> Iterator[Arrival]:
        return (Arrival(due=second * SECOND, prompt=second) for second in count())

    monkeypatch.setitem(sys.modules, "ticking", SimpleNamespace(arrivals=each_second))
    monkeypatch.setitem(loads.LOADS, "ticking", "ticking")
    return Load(arrivals="ticking", duration=1e6)


def test_streams_start_when_they_are_due_each_with_its_own_number() -> None:
    made = schedule(7 * SECOND)
    assert made.next_due == 7 * SECOND
    assert made.take_due(7 * SECOND - 1) == []
    assert dues(made.take_due(9 * SECOND)) == [7, 8, 9]
    assert slots(made.take_due(11 * SECOND)) == [3, 4]
    assert made.running == 5


def test_a_failure_changes_nothing() -> None:
    made = schedule()
    first, *_ = made.take_due(0)
    assert made.next_after(first, False, 5) is None
    assert made.next_due == SECOND


def test_a_driver_that_needs_time_gets_arrivals_earlier() -> None:
    made = schedule()
    made.lead = SECOND // 10
    assert slots(made.take_due(9 * SECOND // 10)) == [0, 1]
    assert made.next_due == 19 * SECOND // 10


def test_when_as_many_run_as_may_an_arrival_is_held_until_one_ends() -> None:
    made = limited(2)
    first, second = made.take_due(3 * SECOND // 2)
    assert (first.held, second.held) == (0, 0)
    assert made.take_due(4 * SECOND) == []
    assert made.next_due is None  # or the driver would spin
    third = made.next_after(first, True, 5 * SECOND)
    assert third is not None
    assert (third.slot, third.due, third.held) == (2, 2 * SECOND, 3 * SECOND)
    fourth = made.next_after(third, False, 5 * SECOND + 7)
    assert fourth is not None
    assert (fourth.slot, fourth.held) == (3, 2 * SECOND + 7)
    assert made.running == 2


def test_a_wait_for_the_driver_is_not_one_for_a_place() -> None:
    made = limited(2)
    first, _ = made.take_due(6 * SECOND)  # it was late by itself until then
    third = made.next_after(first, True, 8 * SECOND)
    assert third is not None
    assert (third.due, third.held) == (2 * SECOND, 2 * SECOND)


def test_a_place_that_is_free_keeps_the_next_arrival_if_that_comes_soon() -> None:
    for wait, kept in ((SOON_NS, True), (SOON_NS + 1, False)):
        made = limited(1)
        (first,) = made.take_due(0)
        second = made.next_after(first, True, SECOND - wait)
        assert (second is not None) == kept
        if second is None:
            assert (made.next_due, made.running) == (SECOND, 0)
        else:
            assert (second.due, second.held, made.running) == (SECOND, 0, 1)


def test_what_is_held_at_the_end_never_starts_and_is_counted() -> None:
    made = limited(2, seconds=5.0)
    first, _ = made.take_due(4 * SECOND)
    assert not made.is_exhausted
    assert made.take_due(5 * SECOND) == []
    assert made.is_exhausted
    assert made.next_after(first, True, 5 * SECOND) is None
    assert made.next_due is None
    assert made.not_started(4 * SECOND) == 1
    assert made.not_started(0) == 0


def test_what_is_late_by_the_driver_starts_after_the_end_too() -> None:
    made = limited(100, seconds=5.0)
    assert slots(made.take_due(9 * SECOND)) == [0, 1, 2, 3, 4]
    assert made.is_exhausted
    assert made.not_started(0) == 0


def test_a_stop_starts_nothing_more_and_counts_what_was_due() -> None:
    made = limited(2)
    first, second = made.take_due(4 * SECOND)
    made.stop(4 * SECOND + 1)
    assert made.is_exhausted
    assert made.take_due(9 * SECOND) == []
    assert made.next_after(first, True, 5 * SECOND) is None
    assert not made.admit(second)  # it was taken early
    assert made.running == 0
    assert made.not_started(0) == 3


def test_no_stream_is_ended_and_no_number_of_streams_is_too_many_where_none_is_set() -> None:
    made = schedule(load=Load(arrivals="constant", duration=10.0))
    assert len(made.take_due(9 * SECOND)) == 10
    assert made.ends(0) == FOREVER


# ------------------------------------------------------------------------------------------------------ workers


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize("kind", ["constant", "poisson"])
def test_arrival_k_is_that_of_worker_k_mod_n(workers: int, kind: str) -> None:
    load = Load(arrivals=kind, duration=5.0, max_streams=50)
    whole = schedule(load=load, rate=8.0).take_due(5 * SECOND)
    for worker in range(workers):
        made = schedule(load=load, rate=8.0, slots=(worker,), shares=workers)
        assert made.take_due(5 * SECOND) == whole[worker::workers]


@pytest.mark.parametrize("shares", [1, 3, 12])
def test_the_places_are_divided_among_the_workers(shares: int) -> None:
    load = Load(arrivals="constant", duration=100.0, max_streams=10)
    parts = [tuple(range(worker, shares, 3)) for worker in range(min(3, shares))]
    found = [len(schedule(load=load, slots=part, shares=shares).take_due(100 * SECOND)) for part in parts]
    assert found == ([10] if shares == 1 else [4, 3, 3])


def test_places_that_are_few_and_uneven_bring_as_many_of_the_arrivals() -> None:
    load = Load(arrivals="constant", duration=60.0, max_streams=3)
    parts = plan.split(cell(level=Level(rate=1.0), load=load), 2)
    found = []
    for part in parts:
        made, taken = Schedule(part), 0
        made.start(0)
        for second in range(60):  # each stream lasts one
            for arrival in made.take_due(second * SECOND):
                taken += 1
                made.next_after(arrival, True, second * SECOND)
        found.append((part.places, taken))
    assert found == [(2, 40), (1, 20)]
    many = plan.split(cell(level=Level(rate=1.0), load=replace(load, max_streams=1001)), 2)
    assert [(part.places, part.shares) for part in many] == [(501, 2), (500, 2)]


def test_another_takes_over_what_is_still_to_come_of_a_lost_worker(endless: Load) -> None:
    made = schedule(load=endless, slots=(0,), shares=4)
    assert dues(made.take_due(5 * SECOND)) == [0, 4]
    made.add({1, 3}, 5 * SECOND)
    assert made.next_due == 7 * SECOND
    assert dues(made.take_due(11 * SECOND)) == [7, 8, 9, 11]
    made.add({2}, 11 * SECOND + 1)
    assert dues(made.take_due(14 * SECOND)) == [12, 13, 14]


def test_places_come_with_the_shares() -> None:
    made = limited(4, slots=(0,), shares=4)
    first = made.take_due(9 * SECOND)
    assert slots(first) == [0]
    made.add({1, 2}, 9 * SECOND)
    assert slots(made.take_due(9 * SECOND)) == [4, 8]
