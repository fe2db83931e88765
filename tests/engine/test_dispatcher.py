"""Which stream starts next, and on which slot: closed loads and commands, without a clock."""

from __future__ import annotations

import heapq
import threading
from collections import Counter
from time import perf_counter_ns
from typing import Any

from loadgen.engine.dispatcher import FAILURE_PAUSE_NS, Dispatcher
from loadgen.loads import arrivals
from loadgen.model import Arrival, Load, Stage
from tests.lab.cells import cell

SECOND = 1_000_000_000
UP_AND_DOWN = Load(stages=(Stage(4, 4.0), Stage(0, 2.0), Stage(4, 0.0), Stage(4, 1.0)))


class Slots:
    """A dispatcher, and the arrival that each slot has."""

    def __init__(self, start: int = 0, **changes: Any) -> None:
        self.cell = cell(**changes)
        self.dispatcher = Dispatcher(self.cell)
        self.dispatcher.start(start)
        self.now: dict[int, Arrival] = {}

    def start(self, now: int) -> list[tuple[int, int]]:
        """Start what is due; each with the time that it was due."""
        started = self.dispatcher.take_due(now)
        self.now |= {arrival.slot or 0: arrival for arrival in started}
        return [(arrival.slot or 0, arrival.due) for arrival in started]

    def end(self, slot: int, now: int, ok: bool = True) -> int | None:
        """End the slot's stream; when the next is due, None where the slot has left."""
        after = self.dispatcher.next_after(self.now[slot], ok, now)
        if after is None:
            return None
        assert after.slot == slot
        self.now[slot] = after
        return after.due


# ------------------------------------------------------------------------------------------------ closed loads


def test_slots_start_when_they_are_due() -> None:
    made = Slots(concurrency=4, load=Load(requests=1, ramp=4.0))
    planned = [arrival.due for arrival in arrivals(made.cell)]
    assert made.dispatcher.next_due == planned[0]
    assert made.start(planned[0] - 1) == []
    assert made.start(planned[1]) == [(0, planned[0]), (1, planned[1])]
    assert made.start(planned[1]) == []
    assert made.start(10 * SECOND) == [(2, planned[2]), (3, planned[3])]
    assert made.dispatcher.is_exhausted
    assert made.dispatcher.next_due is None


def test_times_count_from_the_start() -> None:
    made = Slots(7 * SECOND, concurrency=1, load=Load(duration=1.0))
    assert made.start(7 * SECOND - 1) == []
    assert made.start(7 * SECOND) == [(0, 7 * SECOND)]
    assert made.end(0, 8 * SECOND - 1) == 8 * SECOND - 1
    assert made.end(0, 8 * SECOND) is None


def test_no_stream_starts_after_the_duration() -> None:
    made = Slots(concurrency=2, load=Load(duration=1.0, ramp=4.0))
    planned = [(arrival.slot, arrival.due) for arrival in arrivals(made.cell)]
    assert made.start(10 * SECOND) == planned
    assert made.end(0, SECOND - 1) == SECOND - 1
    assert made.end(0, SECOND) is None


def test_a_slot_makes_its_number_of_requests() -> None:
    made = Slots(load=Load(requests=2))
    made.start(0)
    assert made.end(0, 5) == 5
    assert made.end(0, 6) is None
    assert made.dispatcher.running == 1


def waits(made: Slots, ends: str) -> list[int]:
    """How long the slot waits after each of its streams: ``.`` succeeded, ``x`` failed."""
    return [(made.end(0, SECOND, ok=each == ".") or 0) - SECOND for each in ends]


def test_a_slot_waits_longer_after_each_failure_in_a_row() -> None:
    made = Slots(load=Load(duration=100.0))
    made.start(0)
    found = [waited / FAILURE_PAUSE_NS for waited in waits(made, "xxxxxxxxx.x..xx")]
    planned = [1, 2, 4, 8, 16, 32, 32, 32, 32, 0, 1, 0, 0, 1, 2]
    assert all(
        least <= waited < 1.5 * least or waited == least == 0
        for waited, least in zip(found, planned, strict=True)
    )
    assert made.end(0, 100 * SECOND - FAILURE_PAUSE_NS, ok=False) is None


def test_the_waits_are_drawn_from_the_seed_apart_for_each_slot() -> None:
    drawn = set()
    for seed in (0, 0, 1):
        made = Slots(concurrency=2, seed=seed, load=Load(duration=100.0))
        made.start(0)
        drawn |= {made.end(slot, 0, ok=False) for slot in (0, 1)}
    assert len(drawn) == 4


def test_a_thousand_slots_leave_a_server_that_fails_alone() -> None:
    """One that closes every connection at once gets a few hundred connections a second, not thousands."""
    slots, seconds = 1000, 30
    made = Slots(concurrency=slots, load=Load(duration=float(seconds)))
    made.start(0)
    due = [(0, slot) for slot in range(slots)]
    began = []
    while due:
        now, slot = heapq.heappop(due)
        began.append(now)
        if (after := made.end(slot, now, ok=False)) is not None:
            heapq.heappush(due, (after, slot))
    assert sum(now > seconds * SECOND / 2 for now in began) / (seconds / 2) < 250


def test_slots_take_the_prompts_in_turn() -> None:
    made = Slots(concurrency=3, load=Load(duration=1.0))
    made.start(0)
    assert [made.now[slot].prompt for slot in range(3)] == [0, 1, 2]
    made.end(1, 5)
    made.end(1, 6)
    assert [made.now[slot].prompt for slot in range(3)] == [0, 3, 2]


def test_a_stop_starts_nothing_more() -> None:
    made = Slots(concurrency=2, load=Load(duration=10.0, ramp=1.0))
    made.start(SECOND // 2)
    assert made.end(0, SECOND // 2, ok=False) is not None
    made.dispatcher.stop(perf_counter_ns())
    assert made.start(20 * SECOND) == []
    assert not made.dispatcher.admit(made.now[0])  # it waited after its failure
    assert made.dispatcher.running == 0


def test_the_shares_of_the_workers_start_the_whole() -> None:
    for load in (UP_AND_DOWN, Load(requests=1, ramp=2.0), Load(duration=5.0, ramp=2.0)):
        shares = [Slots(concurrency=4, load=load, slots=tuple(range(worker, 4, 3))) for worker in range(3)]
        started = [slot for share in shares for slot in share.start(3 * SECOND)]
        assert sorted(started) == Slots(concurrency=4, load=load).start(3 * SECOND)


def test_a_slot_that_is_still_busy_when_its_next_interval_begins_goes_on() -> None:
    made = Slots(concurrency=4, load=UP_AND_DOWN)
    assert made.start(4 * SECOND) == [(slot, (slot + 1) * SECOND) for slot in range(4)]
    assert made.end(1, 5 * SECOND + SECOND // 2) is None
    assert made.start(6 * SECOND) == [(1, 6 * SECOND)]
    assert made.end(0, 6 * SECOND + 5) == 6 * SECOND + 5
    assert made.end(0, 7 * SECOND) is None


# ----------------------------------------------------------------------------------------------- a lost worker


def test_slots_of_a_lost_worker_begin_now_or_at_their_time() -> None:
    made = Slots(concurrency=4, load=UP_AND_DOWN, slots=(3,))
    made.dispatcher.add({0, 1, 2, 3}, 2 * SECOND + SECOND // 2)
    assert made.start(3 * SECOND - 1) == [(0, 2 * SECOND + SECOND // 2), (1, 2 * SECOND + SECOND // 2)]
    assert made.start(4 * SECOND) == [(2, 3 * SECOND), (3, 4 * SECOND)]
    made.dispatcher.add({0, 1}, 4 * SECOND)
    assert made.start(5 * SECOND) == []
    for slot in range(4):
        assert made.end(slot, 6 * SECOND) is None
    assert made.start(6 * SECOND) == [(slot, 6 * SECOND) for slot in range(4)]


def test_slots_whose_time_is_over_are_not_taken() -> None:
    made = Slots(concurrency=4, load=UP_AND_DOWN, slots=())
    assert made.dispatcher.is_exhausted
    made.dispatcher.add({2, 3}, 5 * SECOND)
    assert made.start(6 * SECOND - 1) == []
    assert made.start(6 * SECOND) == [(2, 6 * SECOND), (3, 6 * SECOND)]


def test_many_slots_of_a_lost_worker_begin_within_a_second() -> None:
    made = Slots(concurrency=40, load=Load(duration=9.0), slots=tuple(range(20)))
    assert len(made.start(0)) == 20
    made.dispatcher.add(set(range(40)), 5 * SECOND)
    assert start_each_share(made, 20, 5 * SECOND) == list(range(20, 40))


def start_each_share(made: Slots, shares: int, begin: int) -> list[int]:
    """The slots that start in the second from ``begin``, one in each share of it."""
    slots = []
    for place in range(shares):
        early, late = (begin + (place + edge) * SECOND // shares for edge in (0, 1))
        ((slot, due),) = made.start(late - 1)
        assert early <= due < late
        slots.append(slot)
    return slots


# --------------------------------------------------------------------------------------- a number of streams


def commanded(streams: int) -> Slots:
    made = Slots(load=Load())
    assert made.start(9 * SECOND) == []
    made.dispatcher.resize(streams, 0, 0)
    return made


def ending(made: Slots, now: int) -> list[int]:
    return [slot for slot in range(5) if made.dispatcher.ends(slot) <= now]


def test_more_and_fewer_slots() -> None:
    made = commanded(2)
    assert made.start(0) == [(0, 0), (1, 0)]
    made.dispatcher.resize(4, SECOND, SECOND)
    assert made.start(SECOND) == [(2, SECOND), (3, SECOND)]
    made.dispatcher.resize(1, SECOND, SECOND)
    assert ending(made, SECOND) == [1, 2, 3]
    assert made.end(0, SECOND) == SECOND
    assert [made.end(slot, SECOND) for slot in (1, 2, 3)] == [None] * 3
    assert ending(made, SECOND) == []
    made.dispatcher.resize(2, 2 * SECOND, 2 * SECOND)
    assert made.start(2 * SECOND) == [(1, 2 * SECOND)]


def test_many_new_slots_begin_within_a_second() -> None:
    made = commanded(0)
    made.dispatcher.resize(30, SECOND, SECOND)
    assert start_each_share(made, 30, SECOND) == list(range(30))


def test_fewer_slots_drop_those_that_wait() -> None:
    made = commanded(30)
    made.dispatcher.resize(2, 0, 0)
    made.dispatcher.resize(3, 0, 0)
    assert sorted(slot for slot, _ in made.start(SECOND)) == [0, 1, 2]


def test_surplus_streams_get_their_time_to_end() -> None:
    made = commanded(3)
    made.start(0)
    made.dispatcher.resize(1, SECOND, 3 * SECOND)
    assert ending(made, 3 * SECOND - 1) == []
    assert made.end(2, 2 * SECOND) is None
    assert ending(made, 3 * SECOND) == [1]


def test_the_time_to_end_may_be_shortened_later_but_not_extended() -> None:
    made = commanded(2)
    made.start(0)
    made.dispatcher.resize(1, 0, 2 * SECOND)
    made.dispatcher.resize(1, SECOND, 10 * SECOND)
    assert ending(made, 2 * SECOND) == [1]
    made.dispatcher.resize(0, 2 * SECOND, 11 * SECOND)
    made.dispatcher.resize(0, 3 * SECOND, 3 * SECOND)
    assert ending(made, 3 * SECOND) == [0, 1]


def test_a_surplus_slot_that_is_wanted_again_goes_on() -> None:
    made = commanded(2)
    made.start(0)
    made.dispatcher.resize(1, SECOND, 2 * SECOND)
    made.dispatcher.resize(2, SECOND + 5, SECOND + 5)
    assert made.start(9 * SECOND) == []
    assert ending(made, 3 * SECOND) == []
    assert made.end(1, 3 * SECOND) == 3 * SECOND


def test_a_surplus_slot_that_waits_starts_no_stream() -> None:
    made = commanded(1)
    made.start(0)
    assert (made.end(0, SECOND, ok=False) or 0) >= SECOND + FAILURE_PAUSE_NS
    made.dispatcher.resize(0, SECOND + 5, 10 * SECOND)
    assert not made.dispatcher.admit(made.now[0])
    made.dispatcher.resize(1, SECOND + 6, SECOND + 6)
    assert made.start(SECOND + 6) == [(0, SECOND + 6)]


def test_a_slot_that_leaves_during_commands_is_neither_lost_nor_doubled() -> None:
    """Slots end streams in threads of their own as fast as they can, while commands come and go."""
    dispatcher = Dispatcher(cell(load=Load()))
    dispatcher.start(0)
    alive: Counter[int] = Counter()
    most: Counter[int] = Counter()
    counting = threading.Lock()
    errors: list[BaseException] = []

    def slot_thread(arrival: Arrival | None) -> None:
        try:
            while arrival is not None and dispatcher.admit(arrival):
                assert arrival.slot is not None
                with counting:
                    alive[arrival.slot] += 1
                    most[arrival.slot] = max(most[arrival.slot], alive[arrival.slot])
                with counting:
                    alive[arrival.slot] -= 1
                arrival = dispatcher.next_after(arrival, True, perf_counter_ns())
        except BaseException as error:
            errors.append(error)

    threads: list[threading.Thread] = []
    for number in [3, 1, 4, 0, 2, 5] * 60:
        now = perf_counter_ns()
        dispatcher.resize(number, now, now)
        for arrival in dispatcher.take_due(now):
            threads.append(threading.Thread(target=slot_thread, args=(arrival,)))
            threads[-1].start()
    assert dispatcher.running == 5
    dispatcher.stop(perf_counter_ns())
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(most.values()) == {1}
    assert dispatcher.running == 0
