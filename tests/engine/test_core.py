"""What both drivers share, on a clock of our own."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from time import perf_counter_ns
from typing import Any

import pytest

from loadgen import protocols
from loadgen.engine import core
from loadgen.engine.core import GRACE, PAUSE, TICK, Engine, Orders, Outbox
from loadgen.engine.frames import Done, Edge, Failed, Frame, Pulse, Reader, Ready, Streams, encode
from loadgen.engine.schedule import offsets
from loadgen.model import Cell, ClientId, Load, Outcome, Stage, Timeouts
from tests.engine.test_recorder import Clock, token
from tests.lab.cells import cell

SECOND = 1_000_000_000
END = b'{"done":true}\n'


class Kept(Outbox):
    """Keeps its frames."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def send(self, frame: Frame) -> None:
        self.frames.append(frame)

    def drain(self) -> None: ...

    def streams(self) -> list[tuple[int, Outcome]]:
        return [
            (stream.slot, stream.outcome)
            for frame in self.frames
            if isinstance(frame, Streams)
            for stream in frame.streams
        ]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    made.now = 0
    monkeypatch.setattr("loadgen.engine.core.perf_counter_ns", made)
    monkeypatch.setattr("loadgen.engine.recorder.perf_counter_ns", made)
    return made


def engine(**changes: Any) -> tuple[Engine, Kept]:
    outbox = Kept()
    wanted = cell(**changes)
    made = Engine(wanted, protocols.load(wanted.workload.protocol), outbox)
    made.start(0)
    return made, outbox


# ------------------------------------------------------------------------------------------------ schedule


def ramped(**changes: Any) -> Cell:
    return cell(**{"concurrency": 50, "load": Load(requests=1, ramp=2.0), "seed": 7, **changes})


def test_one_slot_starts_in_each_share_of_the_ramp() -> None:
    found = offsets(ramped())
    share = 2 * SECOND // 50
    assert [at // share for at in found] == list(range(50))
    assert len({at % share for at in found}) > 40


@pytest.mark.parametrize(
    "change",
    [
        {"client": ClientId("requests", {"session": "shared"})},
        {"index": 9},
        {"url": "http://h"},
        {"cores": (1,)},
    ],
)
def test_the_schedule_is_the_same_for_all_clients(change: dict[str, Any]) -> None:
    assert offsets(ramped(**change)) == offsets(ramped())


@pytest.mark.parametrize("change", [{"seed": 8}, {"repeat": 1}, {"concurrency": 51}])
def test_another_seed_repeat_or_concurrency_has_its_own(change: dict[str, Any]) -> None:
    assert offsets(ramped(**change)) != offsets(ramped())


def test_without_a_ramp_all_start_at_once() -> None:
    assert offsets(cell(concurrency=3, load=Load(requests=1))) == [0, 0, 0]


# --------------------------------------------------------------------------------------------------- slots


def test_slots_come_when_they_are_due(clock: Clock) -> None:
    made, _ = engine(concurrency=4, load=Load(requests=1, ramp=4.0))
    planned = offsets(made.cell)
    assert made.due(planned[0] - 1) == []
    assert made.due(planned[1]) == [(0, planned[0]), (1, planned[1])]
    assert made.due(planned[1]) == []
    assert made.due(10 * SECOND) == [(2, planned[2]), (3, planned[3])]


def test_no_stream_starts_after_the_duration(clock: Clock) -> None:
    made, _ = engine(concurrency=2, load=Load(duration=1.0, ramp=4.0))
    planned = offsets(made.cell)
    assert made.due(10 * SECOND) == [(slot, at) for slot, at in enumerate(planned) if at < SECOND]
    assert made.again(0, 1, True, SECOND - 1) == SECOND - 1
    assert made.again(0, 1, True, SECOND) is None


def test_a_slot_makes_its_number_of_requests(clock: Clock) -> None:
    made, _ = engine(load=Load(requests=2))
    made.due(0)
    assert made.again(0, 1, True, 5) == 5
    assert made.again(0, 2, True, 5) is None


def test_a_slot_pauses_after_a_failure(clock: Clock) -> None:
    made, _ = engine(load=Load(duration=1.0))
    made.due(0)
    assert made.again(0, 1, False, 5) == 5 + PAUSE
    assert made.again(0, 1, False, SECOND - PAUSE) is None


def test_slots_take_the_prompts_in_turn(clock: Clock) -> None:
    made, _ = engine(prompts=("a", "b", "c"))
    asked = [made.request(slot, done).body for slot, done in [(0, 0), (1, 0), (2, 0), (3, 0), (1, 1)]]
    assert [body.split(b'"prompt": "')[1][:1] for body in asked] == [b"a", b"b", b"c", b"a", b"c"]


def test_the_cell_is_finished_when_every_slot_has_left(clock: Clock) -> None:
    made, _ = engine(concurrency=2, load=Load(requests=1))
    assert not made.finished(0)
    made.due(0)
    made.again(0, 1, True, 5)
    assert not made.finished(5)
    made.again(1, 1, True, 5)
    assert made.finished(5)


def test_a_cell_lasts_as_long_as_its_load(clock: Clock) -> None:
    made, _ = engine(
        concurrency=1, load=Load(stages=(Stage(1, 0.0), Stage(1, 1.0), Stage(0, 0.0), Stage(0, 1.0)))
    )
    made.due(0)
    assert made.again(0, 1, True, SECOND) is None
    assert not made.finished(2 * SECOND - 1)
    assert made.finished(2 * SECOND)


def test_a_stop_ends_what_runs_and_what_waits(clock: Clock) -> None:
    made, outbox = engine(concurrency=2, load=Load(duration=10.0, ramp=10.0))
    ((slot, due),) = made.due(offsets(made.cell)[0])
    watched = made.watch(slot, due)
    clock.now = SECOND
    made.order(b'{"stop": true}', clock.now)
    assert made.due(20 * SECOND) == []
    assert made.tick(clock.now) == [watched]
    assert not made.finished(clock.now + GRACE)
    assert made.finished(clock.now + GRACE + 1)  # it does not hear
    made.close()
    assert outbox.streams() == [(0, Outcome.STOPPED)]
    assert isinstance(outbox.frames[-1], Done)


def test_a_slot_that_waits_when_the_stop_comes_starts_no_stream(clock: Clock) -> None:
    made, _ = engine(concurrency=1, load=Load(duration=10.0))
    made.due(0)
    due = made.again(0, 1, False, SECOND)
    assert due is not None
    made.order(b'{"stop": true}', SECOND)
    assert made.leaves(0, due)
    assert made.finished(SECOND)
    made.order(b'{"streams": 3}', SECOND)  # comes too late
    assert made.due(2 * SECOND) == []


# ------------------------------------------------------------------------------------------- shares of a cell

UP_AND_DOWN = Load(stages=(Stage(4, 4.0), Stage(0, 2.0), Stage(4, 0.0), Stage(4, 1.0)))


def test_the_union_of_the_workers_is_the_whole(clock: Clock) -> None:
    for load in (UP_AND_DOWN, Load(requests=1, ramp=2.0), Load(duration=5.0, ramp=2.0)):
        shared = [
            started
            for worker in range(3)
            for started in engine(concurrency=4, load=load, slots=tuple(range(worker, 4, 3)))[0].due(
                3 * SECOND
            )
        ]
        whole, _ = engine(concurrency=4, load=load)
        assert sorted(shared) == whole.due(3 * SECOND)


def test_no_slot_is_finished_at_once(clock: Clock) -> None:
    made, _ = engine(load=Load(requests=1), slots=())
    assert made.due(SECOND) == []
    assert made.finished(0)


def test_slots_of_a_lost_worker_begin_now_or_at_their_time(clock: Clock) -> None:
    made, _ = engine(concurrency=4, load=UP_AND_DOWN, slots=(3,))
    made.order(b'{"add": [0, 1, 2, 3]}', 2 * SECOND + SECOND // 2)
    assert made.due(3 * SECOND - 1) == [(0, 2 * SECOND + SECOND // 2), (1, 2 * SECOND + SECOND // 2)]
    assert made.due(4 * SECOND) == [(2, 3 * SECOND), (3, 4 * SECOND)]
    made.order(b'{"add": [0, 1]}', 4 * SECOND)
    assert made.due(5 * SECOND) == []
    for slot in range(4):
        assert made.again(slot, 1, True, 6 * SECOND) is None
    assert made.due(6 * SECOND) == [(slot, 6 * SECOND) for slot in range(4)]


def test_slots_whose_time_is_over_are_not_taken(clock: Clock) -> None:
    made, _ = engine(concurrency=4, load=UP_AND_DOWN, slots=())
    made.order(b'{"add": [2, 3]}', 5 * SECOND)
    assert made.due(6 * SECOND - 1) == []
    assert made.due(6 * SECOND) == [(2, 6 * SECOND), (3, 6 * SECOND)]


def test_many_slots_of_a_lost_worker_begin_within_a_second(clock: Clock) -> None:
    made, _ = engine(concurrency=40, load=Load(duration=9.0), slots=tuple(range(20)))
    assert len(made.due(0)) == 20
    made.order(b'{"add": %s}' % str(list(range(40))).encode(), 5 * SECOND)
    assert spread_over(made, 20, 5 * SECOND) == list(range(20, 40))


def test_a_slot_that_is_still_busy_when_its_next_interval_begins_goes_on(clock: Clock) -> None:
    made, _ = engine(concurrency=4, load=UP_AND_DOWN)
    assert made.due(4 * SECOND) == [(slot, (slot + 1) * SECOND) for slot in range(4)]
    assert made.again(1, 1, True, 5 * SECOND + SECOND // 2) is None
    assert made.due(6 * SECOND) == [(1, 6 * SECOND)]
    assert made.again(0, 1, True, 6 * SECOND + 5) == 6 * SECOND + 5
    assert made.again(0, 2, True, 7 * SECOND) is None


# -------------------------------------------------------------------------------------- streams as ordered


def spread_over(made: Engine, count: int, begin: int) -> list[int]:
    """The slots that start in the second from ``begin``, one in each share of it."""
    slots = []
    for place in range(count):
        share = begin + SECOND * place // count, begin + SECOND * (place + 1) // count
        ((slot, due),) = made.due(share[1] - 1)
        assert share[0] <= due <= share[1]
        slots.append(slot)
    return slots


def ordered(**changes: Any) -> tuple[Engine, Kept]:
    return engine(**{"load": Load(), **changes})


def test_a_load_to_be_ordered_starts_with_nothing_and_ends_when_it_is_stopped(clock: Clock) -> None:
    made, outbox = ordered()
    assert made.due(9 * SECOND) == []
    assert not made.finished(9_999 * SECOND)
    made.order(b'{"stop": true}', 9_999 * SECOND)
    assert made.finished(9_999 * SECOND)
    made.tick(0)
    made.close()
    assert sum(isinstance(frame, Edge) for frame in outbox.frames) == 2


def test_more_and_fewer_slots(clock: Clock) -> None:
    made, outbox = ordered()
    made.order(b'{"streams": 2}', 0)
    watched = [made.watch(slot, due) for slot, due in made.due(0)]
    made.order(b'{"streams": 4}', SECOND)
    assert made.due(SECOND) == [(2, SECOND), (3, SECOND)]
    clock.now = SECOND
    made.order(b'{"streams": 1}', SECOND)
    assert made.tick(SECOND) == [watched[1]]
    assert made.again(0, 1, True, SECOND) == SECOND
    assert [made.again(slot, 1, True, SECOND) for slot in (1, 2, 3)] == [None] * 3
    made.ended(watched[1])
    made.order(b'{"streams": 2}', 2 * SECOND)
    assert made.due(2 * SECOND) == [(1, 2 * SECOND)]
    made.flush(9)
    assert outbox.streams() == [(1, Outcome.STOPPED)]


def test_many_new_slots_begin_within_a_second(clock: Clock) -> None:
    made, _ = ordered()
    made.order(b'{"streams": 30}', SECOND)
    assert spread_over(made, 30, SECOND) == list(range(30))


def test_fewer_slots_drop_those_that_wait(clock: Clock) -> None:
    made, _ = ordered()
    made.order(b'{"streams": 30}', 0)
    made.order(b'{"streams": 2}', 0)
    made.order(b'{"streams": 3}', 0)
    assert sorted(slot for slot, _ in made.due(SECOND)) == [0, 1, 2]


def test_surplus_streams_get_their_time_to_end(clock: Clock) -> None:
    made, _ = ordered()
    made.order(b'{"streams": 3}', 0)
    first, second, third = (made.watch(slot, due) for slot, due in made.due(0))
    made.order(b'{"streams": 1, "grace": 2}', SECOND)
    assert made.tick(3 * SECOND - 1) == []
    made.ended(third)
    assert made.again(2, 1, True, 2 * SECOND) is None
    assert made.tick(3 * SECOND - 1 + TICK) == [second]
    assert (first.expired, second.expired, third.expired) == (None, Outcome.STOPPED, None)


def test_less_time_to_end_may_be_given_later_and_no_more(clock: Clock) -> None:
    made, _ = ordered()
    made.order(b'{"streams": 2}', 0)
    watched = [made.watch(slot, due) for slot, due in made.due(0)]
    made.order(b'{"streams": 1, "grace": 2}', 0)
    made.order(b'{"streams": 1, "grace": 9}', SECOND)
    assert made.tick(2 * SECOND) == [watched[1]]
    made.order(b'{"streams": 0, "grace": 9}', 2 * SECOND)
    made.order(b'{"streams": 0}', 3 * SECOND)
    assert made.tick(3 * SECOND) == watched


def test_a_surplus_slot_that_is_wanted_again_goes_on(clock: Clock) -> None:
    made, _ = ordered()
    made.order(b'{"streams": 2}', 0)
    watched = [made.watch(slot, due) for slot, due in made.due(0)]
    made.order(b'{"streams": 1, "grace": 1}', SECOND)
    made.order(b'{"streams": 2}', SECOND + 5)
    assert made.due(9 * SECOND) == []
    assert made.tick(3 * SECOND) == []
    made.ended(watched[1])
    assert made.again(1, 1, True, 3 * SECOND) == 3 * SECOND


def test_a_surplus_slot_that_waits_starts_no_stream(clock: Clock) -> None:
    made, _ = ordered()
    made.order(b'{"streams": 1}', 0)
    made.due(0)
    due = made.again(0, 1, False, SECOND)
    assert due == SECOND + PAUSE
    made.order(b'{"streams": 0, "grace": 9}', SECOND + 5)
    assert made.leaves(0, due)
    made.order(b'{"streams": 1}', SECOND + 6)
    assert made.due(SECOND + 6) == [(0, SECOND + 6)]


@pytest.mark.parametrize("load", [Load(duration=1.0), Load(requests=1), UP_AND_DOWN])
def test_a_load_with_a_schedule_takes_no_number_of_streams(clock: Clock, load: Load) -> None:
    made, _ = engine(load=load)
    with pytest.raises(ValueError, match="has a schedule"):
        made.order(b'{"streams": 3}', 0)


def test_a_slot_that_leaves_while_it_is_ordered_is_neither_lost_nor_doubled() -> None:
    """Slot threads end streams as fast as they can, while orders come and go."""
    made, _ = ordered()
    alive: Counter[int] = Counter()
    most: Counter[int] = Counter()
    counting = threading.Lock()
    errors: list[BaseException] = []

    def slot_thread(slot: int, due: int | None) -> None:
        try:
            done = 0
            while due is not None and not made.leaves(slot, due):
                with counting:
                    alive[slot] += 1
                    most[slot] = max(most[slot], alive[slot])
                with counting:
                    alive[slot] -= 1
                done += 1
                due = made.again(slot, done, True, perf_counter_ns())
        except BaseException as error:
            errors.append(error)

    threads: list[threading.Thread] = []

    def turn() -> None:
        for slot, due in made.due(perf_counter_ns()):
            threads.append(threading.Thread(target=slot_thread, args=(slot, due)))
            threads[-1].start()

    for number in [3, 1, 4, 0, 2, 5] * 60:
        made.order(b'{"streams": %d}' % number, perf_counter_ns())
        turn()
    assert sorted(made._running) == list(range(5))
    made.order(b'{"stop": true}', perf_counter_ns())
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(most.values()) == {1}
    assert not made._running


# --------------------------------------------------------------------------------------------------- ticks


def test_streams_that_are_late_are_told_once_a_tick(clock: Clock) -> None:
    made, _ = engine(timeouts=Timeouts(first_token=1, idle=2, total=10))
    silent, talking = (made.watch(slot, due) for slot, due in made.due(0))
    clock.now = SECOND // 2
    talking.on_data(token())
    assert made.tick(SECOND) == []
    assert made.tick(SECOND + TICK - 1) == []
    assert made.tick(SECOND + TICK) == [silent]
    assert silent.expired == Outcome.FIRST_TOKEN_TIMEOUT
    assert made.tick(3 * SECOND) == [silent, talking]
    assert talking.expired == Outcome.IDLE_TIMEOUT
    assert silent.expired == Outcome.FIRST_TOKEN_TIMEOUT


def test_a_timeout_that_a_library_keeps_itself_has_the_same_name(clock: Clock) -> None:
    made, outbox = engine(timeouts=Timeouts(first_token=2, idle=2, total=1))
    first, second = (made.watch(slot, due) for slot, due in made.due(0))
    second.on_data(END)
    clock.now = SECOND + 1
    first.fail(TimeoutError(), ((TimeoutError, "", Outcome.FIRST_TOKEN_TIMEOUT),))
    second.finish()
    assert [made.ended(first), made.ended(second)] == [False, True]
    made.flush(9)
    assert outbox.streams() == [(0, Outcome.TOTAL_TIMEOUT), (1, Outcome.OK)]


def test_a_stream_ends_once(clock: Clock) -> None:
    made, outbox = engine(concurrency=1)
    watched = made.watch(0, 0)
    watched.on_data(END)
    assert made.ended(watched)
    assert not made.ended(watched)
    made.close()
    assert outbox.streams() == [(0, Outcome.OK)]


def test_streams_that_cannot_be_ended_do_not_hold_up_the_cell(clock: Clock) -> None:
    made, outbox = engine(concurrency=2, timeouts=Timeouts(first_token=1, idle=2, total=10))
    for slot, due in made.due(0):
        made.watch(slot, due)
    clock.now = SECOND + TICK
    assert len(made.tick(clock.now)) == 2
    assert not made.finished(SECOND + GRACE)
    assert made.finished(SECOND + GRACE + 1)
    made.close()
    assert outbox.streams() == [(0, Outcome.FIRST_TOKEN_TIMEOUT), (1, Outcome.FIRST_TOKEN_TIMEOUT)]


def test_a_slot_between_two_streams_is_waited_for(clock: Clock) -> None:
    made, _ = engine(concurrency=1, timeouts=Timeouts(first_token=1, idle=2, total=10))
    made.due(0)
    assert not made.finished(100 * SECOND)


def test_the_parent_hears_the_edges_of_the_window_and_how_it_goes(clock: Clock) -> None:
    made, outbox = engine(load=Load(duration=2.0, warmup=1.0))
    for slot, due in made.due(0):
        made.watch(slot, due).on_data(token() * 3)
    for now in range(0, 3 * SECOND, TICK):
        clock.now = now
        made.tick(now)
    edges = [frame.totals.at for frame in outbox.frames if isinstance(frame, Edge)]
    assert edges == [SECOND, 2 * SECOND]
    pulses = [frame for frame in outbox.frames if isinstance(frame, Pulse)]
    assert [pulse.at for pulse in pulses] == list(range(0, 3 * SECOND, 5 * TICK))
    assert {(pulse.open, pulse.tokens) for pulse in pulses} == {(2, 6)}
    made.close()
    assert len([frame for frame in outbox.frames if isinstance(frame, Edge)]) == 2


def test_a_cell_that_counts_requests_has_its_second_edge_at_the_end(clock: Clock) -> None:
    made, outbox = engine(load=Load(requests=1))
    made.tick(0)
    clock.now = 5 * SECOND
    made.close()
    assert [frame.totals.at for frame in outbox.frames if isinstance(frame, Edge)] == [0, 5 * SECOND]


def test_the_driver_is_told_when_to_look_again(clock: Clock) -> None:
    made, _ = engine(concurrency=1, load=Load(duration=1.0, ramp=0.08, warmup=0.09))
    (first,) = offsets(made.cell)
    made.tick(0)
    assert made.wake() == first
    made.due(first)
    assert made.wake() == int(0.09 * SECOND)
    made.tick(int(0.09 * SECOND))
    assert made.wake() == TICK


def test_a_tick_sends_no_more_than_a_batch(clock: Clock) -> None:
    made, outbox = engine(concurrency=core.BATCH + 5)
    for slot, due in made.due(0):
        watched = made.watch(slot, due)
        watched.on_data(END)
        made.ended(watched)
    made.tick(0)
    assert len(outbox.streams()) == core.BATCH
    made.close()
    assert len(outbox.streams()) == core.BATCH + 5


# -------------------------------------------------------------------------------------------------- orders


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_orders_come_in_any_pieces(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    orders = Orders(reader)
    os.write(writer, b"first\nsec")
    assert orders.line() == b"first"
    os.write(writer, b"ond\nthird\nfou")
    assert orders.line() == b"second"
    os.write(writer, b"rth\n")
    assert orders.read() == [b"third", b"fourth"]
    os.write(writer, b"fif")
    assert orders.read() == []
    assert orders.read() == []  # and does not wait for more
    os.write(writer, b"th\n")
    assert orders.read() == [b"fifth"]


def test_a_parent_that_has_gone_says_stop(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    orders = Orders(reader)
    os.write(writer, b"half a li")
    os.close(writer)
    assert orders.line() == b""
    assert orders.read() == [b'{"stop": true}']


def test_orders_that_came_with_the_go_are_not_lost(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    orders = Orders(reader)
    os.write(writer, b'{"go": 1}\n{"streams": 3}\n')
    assert orders.line() == b'{"go": 1}'
    assert orders.left() == [b'{"streams": 3}']
    assert orders.left() == []


# -------------------------------------------------------------------------------------------------- frames


def test_frames_are_read_in_any_pieces() -> None:
    frames: list[Frame] = [Ready(), Pulse(1, 2, 3), Failed("né"), Streams([]), Done(2**62)]
    data = b"".join(encode(frame) for frame in frames)
    for size in (1, 3, 7, len(data)):
        reader = Reader()
        pieces = (data[at : at + size] for at in range(0, len(data), size))
        assert [frame for piece in pieces for frame in reader.feed(piece)] == frames


def test_the_outbox_never_blocks_before_it_is_drained(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    outbox = Outbox(writer)
    frames = [Failed(f"{index}:" + "x" * 500_000) for index in range(8)]
    for frame in frames:
        outbox.send(frame)  # four megabytes into a pipe of one, and nobody reads
    drained = threading.Thread(target=outbox.drain)
    drained.start()
    frames_read: list[Frame] = []
    decoder = Reader()
    while len(frames_read) < len(frames):
        frames_read += decoder.feed(os.read(reader, 100_000))
    drained.join()
    assert frames_read == frames
