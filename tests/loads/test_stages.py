"""Stages as data: which slots run at any time."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.loads import arrivals
from loadgen.loads.stages import streams_at
from loadgen.model import Load, Stage
from tests.lab.cells import cell

SECOND = 1_000_000_000


class Interval(NamedTuple):
    slot: int
    begin: int
    end: int


def staged(*stages: tuple[int, float]) -> list[Interval]:
    load = Load(stages=tuple(Stage(to, over) for to, over in stages))
    found = list(arrivals(cell(concurrency=max(to for to, _ in stages), load=load)))
    assert all(each.slot == each.prompt and each.streams is None for each in found)
    return [Interval(each.slot or 0, each.due, each.until) for each in found]


def open_at(found: list[Interval], now: int) -> set[int]:
    return {slot for slot, begin, end in found if begin <= now < end}


# ------------------------------------------------------------------------------------------------ as literals


def test_slots_come_one_by_one_and_the_highest_leave_first() -> None:
    assert staged((4, 4.0), (4, 1.0), (1, 1.5)) == [
        (0, SECOND, 13 * SECOND // 2),
        (1, 2 * SECOND, 13 * SECOND // 2),
        (2, 3 * SECOND, 6 * SECOND),
        (3, 4 * SECOND, 11 * SECOND // 2),
    ]


def test_a_spike_is_at_once_and_may_be_shorter_than_a_second() -> None:
    assert staged((2, 0.0), (2, 0.25), (4, 0.0), (4, 0.0625), (1, 0.0), (1, 0.5)) == [
        (0, 0, 812_500_000),
        (1, 0, 312_500_000),
        (2, 250_000_000, 312_500_000),
        (3, 250_000_000, 312_500_000),
    ]


def test_a_slot_that_comes_back_has_an_interval_for_each_time() -> None:
    assert staged((1, 0.0), (1, 1.0), (0, 0.0), (0, 1.0), (1, 0.0), (1, 1.0)) == [
        (0, 0, SECOND),
        (0, 2 * SECOND, 3 * SECOND),
    ]


def test_what_takes_no_time_is_not_there() -> None:
    assert staged((5, 0.0), (1, 0.0), (1, 1.0), (3, 0.0)) == [(0, 0, SECOND)]


@pytest.mark.parametrize(
    ("seconds", "streams"),
    [(0, 10), (0.5, 10), (1, 10), (2, 15), (2.999, 19.995), (3, 4), (4, 2), (4.5, 1), (5, 7), (99, 7)],
)
def test_how_many_streams_the_stages_ask_for(seconds: float, streams: float) -> None:
    stages = [Stage(10, 0.0), Stage(10, 1.0), Stage(20, 2.0), Stage(4, 0.0), Stage(0, 2.0), Stage(7, 0.0)]
    assert streams_at(stages, seconds) == pytest.approx(streams)


# -------------------------------------------------------------------------------------------------- properties

MILLISECOND = SECOND // 1000
STAGES = st.lists(
    st.builds(Stage, st.integers(0, 40), st.integers(0, 3000).map(lambda ms: ms / 1000)),
    min_size=1,
    max_size=6,
)


def exact(stages: list[Stage], now: int) -> tuple[Fraction, Fraction]:
    """What the stages ask for at ``now``: the least and the most where several meet."""
    number, begin = Fraction(0), 0
    asked: list[Fraction] = []
    for stage in stages:
        lasts = round(stage.over * 1e9)
        if begin <= now <= begin + lasts:
            asked += [number + (stage.to - number) * Fraction(now - begin, lasts)] if lasts else [number]
        number, begin = Fraction(stage.to), begin + lasts
        if begin == now:
            asked.append(number)
    return min(asked), max(asked)


@settings(deadline=None)
@given(STAGES, st.data())
def test_at_any_time_as_many_are_open_as_the_stages_ask_for(stages: list[Stage], data: st.DataObject) -> None:
    found = staged(*((stage.to, stage.over) for stage in stages))
    lasts = sum(round(stage.over * 1e9) for stage in stages)
    if not lasts:
        assert found == []
        return
    now = data.draw(st.integers(0, lasts - 1))
    open_now = open_at(found, now)
    least, most = exact(stages, now)
    assert open_now == set(range(len(open_now)))  # the lowest slots are the ones that stay
    assert least - 1 < len(open_now) < most + 1
    if least == most:
        assert abs(streams_at(stages, now / 1e9) - float(least)) < 1e-3


@settings(deadline=None)
@given(STAGES)
def test_the_peak_is_where_the_stages_put_it(stages: list[Stage]) -> None:
    found = staged(*((stage.to, stage.over) for stage in stages), (0, 1.0))
    ends = 0
    for stage, after in zip(stages, [*stages[1:], Stage(0, 1.0)], strict=True):
        ends += round(stage.over * 1e9)
        if after.over and stage.over:
            assert len(open_at(found, ends)) == stage.to
    assert max((len(open_at(found, begin)) for _, begin, _ in found), default=0) <= max(s.to for s in stages)


@settings(deadline=None)
@given(STAGES)
def test_a_slot_is_in_one_interval_at_a_time(stages: list[Stage]) -> None:
    found = staged(*((stage.to, stage.over) for stage in stages))
    assert found == sorted(found, key=lambda each: each.begin)
    free: dict[int, int] = {}
    for slot, begin, end in found:
        assert free.get(slot, 0) <= begin < end
        free[slot] = end


@settings(deadline=None)
@given(STAGES)
def test_streams_and_seconds_are_those_of_the_stages(stages: list[Stage]) -> None:
    """The integral: stream-seconds differ from the stages' by less than one stream in each."""
    found = staged(*((stage.to, stage.over) for stage in stages))
    asked, number = 0.0, 0
    for stage in stages:
        asked += (number + stage.to) / 2 * stage.over
        number = stage.to
    given_ = sum(end - begin for _, begin, end in found) / 1e9
    assert abs(given_ - asked) <= sum(stage.over for stage in stages) + 1e-6
