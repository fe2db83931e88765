"""The cell while it runs, on a clock of our own: timeouts, stops, the end, and reports to the parent."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from loadgen import protocols
from loadgen.engine import core
from loadgen.engine.core import CHECK_INTERVAL_NS, PULSE_INTERVAL_NS, STOP_TIMEOUT_NS, Engine
from loadgen.engine.pipe import Done, Edge, Frame, Outbox, Pulse, Streams
from loadgen.engine.recorder import StreamRecorder
from loadgen.loads import arrivals
from loadgen.model import Arrival, Level, Load, Outcome, Stage, Timeouts, Trace
from tests.engine.test_recorder import Clock, token
from tests.lab.cells import cell

SECOND = 1_000_000_000
END = b'{"response":"a","done":true}\n'
SHORT = Timeouts(first_token=1, idle=2, total=10)


class Kept(Outbox):
    """Keeps its frames."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def send(self, frame: Frame) -> None:
        self.frames.append(frame)

    def write(self) -> bool:
        return True

    def drain(self) -> None: ...

    def streams(self) -> list[tuple[int, Outcome]]:
        return [
            (stream.slot, stream.outcome)
            for frame in self.frames
            if isinstance(frame, Streams)
            for stream in frame.streams
        ]

    def edges(self) -> list[int]:
        return [frame.totals.at for frame in self.frames if isinstance(frame, Edge)]


class Driven:
    """An engine whose streams the test begins and ends."""

    def __init__(self, **changes: Any) -> None:
        self.outbox = Kept()
        self.cell = cell(**changes)
        self.engine = Engine(self.cell, protocols.load(self.cell.workload.protocol), self.outbox)
        self.engine.start(0)
        self.arrivals: dict[int, Arrival] = {}
        self.aborted: list[int] = []

    def begin(self, now: int = 0) -> list[StreamRecorder]:
        """Begin every stream that is due now."""
        recorders = []
        for arrival in self.engine.dispatcher.take_due(now):
            recorder = self.engine.begin_stream(arrival)
            assert recorder is not None
            recorder.cancel = partial(self.aborted.append, recorder.number)
            self.arrivals[recorder.number] = arrival
            recorders.append(recorder)
        return recorders

    def end(self, recorder: StreamRecorder) -> Arrival | None:
        return self.engine.end_stream(recorder, self.arrivals[recorder.number])

    def check(self, now: int) -> list[int]:
        """The numbers of the streams that are ended."""
        self.aborted.clear()
        self.engine.check(now)
        return self.aborted

    def command(self, now: int, **command: object) -> None:
        self.engine.run_command(json.dumps(command).encode(), now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    made.now = 0
    monkeypatch.setattr("loadgen.engine.core.perf_counter_ns", made)
    monkeypatch.setattr("loadgen.engine.recorder.perf_counter_ns", made)
    return made


# ------------------------------------------------------------------------------------------------- the end


def test_the_cell_is_finished_when_every_slot_has_left(clock: Clock) -> None:
    made = Driven(concurrency=2, load=Load(requests=1))
    assert not made.engine.is_finished(0)
    first, second = made.begin()
    made.end(first)
    assert not made.engine.is_finished(5)
    made.end(second)
    assert made.engine.is_finished(5)


def test_no_slot_is_finished_at_once(clock: Clock) -> None:
    made = Driven(load=Load(requests=1), slots=())
    assert made.begin(SECOND) == []
    assert made.engine.is_finished(0)


def test_a_cell_lasts_as_long_as_its_load(clock: Clock) -> None:
    stages = (Stage(1, 0.0), Stage(1, 1.0), Stage(0, 0.0), Stage(0, 1.0))
    made = Driven(concurrency=1, load=Load(stages=stages))
    (recorder,) = made.begin()
    clock.now = SECOND
    assert made.end(recorder) is None
    assert not made.engine.is_finished(2 * SECOND - 1)
    assert made.engine.is_finished(2 * SECOND)


def test_a_trace_that_is_wrong_ends_the_cell_with_its_reason(clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text(
        '{"timestamp": 0}\n{"timestamp": 1, "prompt": "b", "output_tokens": 7}\n{"timestamp": 0.5}\n'
    )
    load = Load(arrivals="trace", trace=Trace(file=str(file), rate=1.0, seconds=9.0), duration=9.0)
    made = Driven(level=Level(rate=1.0), load=load, prompts=("a",))
    (first,) = made.begin(0)
    made.check(0)
    (second,) = made.begin(SECOND)
    asks = [json.loads(made.engine.request(made.arrivals[each.number]).body) for each in (first, second)]
    assert [(each["prompt"], each.get("options")) for each in asks] == [
        ("a", None),
        ("b", {"num_predict": 7}),
    ]
    made.check(SECOND)
    assert not made.engine.is_finished(SECOND)
    for recorder in (first, second):
        recorder.headers(200)
        recorder.data(END)
        recorder.finish()
        assert made.end(recorder) is None
    assert made.engine.is_finished(SECOND)
    made.engine.close()
    reason = "t.jsonl:3: goes back in time, by 0.5 s; lines in the order of their times"
    assert made.outbox.frames[-1] == Done(0, reason)
    assert [outcome for _, outcome in made.outbox.streams()] == [Outcome.OK, Outcome.OK]


def test_a_stop_ends_what_runs_and_what_waits(clock: Clock) -> None:
    made = Driven(concurrency=2, load=Load(duration=10.0, ramp=10.0))
    first = next(arrivals(made.cell))
    (recorder,) = made.begin(first.due)
    clock.now = SECOND
    made.command(SECOND, stop=True)
    assert made.begin(20 * SECOND) == []
    assert made.check(SECOND) == [recorder.number]
    assert not made.engine.is_finished(SECOND + STOP_TIMEOUT_NS)
    assert made.engine.is_finished(SECOND + STOP_TIMEOUT_NS + 1)  # it cannot be ended
    made.engine.close()
    assert made.outbox.streams() == [(0, Outcome.STOPPED)]
    assert isinstance(made.outbox.frames[-1], Done)
    assert made.end(recorder) is None  # in its own thread, too late


def test_a_slot_that_waits_when_the_stop_comes_starts_no_stream(clock: Clock) -> None:
    made = Driven(concurrency=1, load=Load(duration=10.0))
    (recorder,) = made.begin()
    clock.now = SECOND
    after = made.end(recorder)  # truncated: a failure
    assert after is not None
    assert after.due > SECOND
    made.command(SECOND, stop=True)
    assert made.engine.begin_stream(after) is None
    assert made.engine.is_finished(SECOND)
    made.command(SECOND, streams=3)  # comes too late
    assert made.begin(2 * SECOND) == []


def test_a_load_for_commands_starts_with_nothing_and_ends_when_it_is_stopped(clock: Clock) -> None:
    made = Driven(load=Load())
    assert made.begin(9 * SECOND) == []
    assert not made.engine.is_finished(9_999 * SECOND)
    made.command(9_999 * SECOND, stop=True)
    assert made.engine.is_finished(9_999 * SECOND)
    made.check(0)
    made.engine.close()
    assert len(made.outbox.edges()) == 2


@pytest.mark.parametrize("load", [Load(duration=1.0), Load(requests=1), Load(stages=(Stage(2, 1.0),))])
def test_a_load_with_a_schedule_takes_no_number_of_streams(clock: Clock, load: Load) -> None:
    with pytest.raises(ValueError, match="has a schedule"):
        Driven(load=load).command(0, streams=3)


def test_fewer_streams_end_those_that_are_surplus_after_their_grace(clock: Clock) -> None:
    made = Driven(load=Load())
    made.command(0, streams=3)
    first, second, third = made.begin()
    made.command(SECOND, streams=1, grace=2)
    assert made.check(3 * SECOND - 1) == []
    made.end(third)
    assert made.check(3 * SECOND - 1 + CHECK_INTERVAL_NS) == [second.number]
    assert (first.expired, second.expired, third.expired) == (None, Outcome.STOPPED, None)


def test_slots_of_a_lost_worker_are_added(clock: Clock) -> None:
    made = Driven(concurrency=3, load=Load(duration=9.0), slots=(1,))
    assert [recorder.slot for recorder in made.begin()] == [1]
    made.command(SECOND, add=[0, 1, 2])
    assert [recorder.slot for recorder in made.begin(SECOND)] == [0, 2]


# ----------------------------------------------------------------------------------------------- the checks


def test_streams_that_are_late_are_ended_at_every_check(clock: Clock) -> None:
    made = Driven(timeouts=SHORT)
    silent, talking = made.begin()
    clock.now = SECOND // 2
    talking.data(token())
    assert made.check(SECOND) == []
    assert made.check(SECOND + CHECK_INTERVAL_NS - 1) == []
    assert made.check(SECOND + CHECK_INTERVAL_NS) == [silent.number]
    assert silent.expired == Outcome.FIRST_TOKEN_TIMEOUT
    assert made.check(3 * SECOND) == [silent.number, talking.number]
    assert talking.expired == Outcome.IDLE_TIMEOUT
    assert silent.expired == Outcome.FIRST_TOKEN_TIMEOUT


def test_a_timeout_that_a_library_keeps_itself_has_the_same_name(clock: Clock) -> None:
    made = Driven(timeouts=Timeouts(first_token=2, idle=2, total=1))
    first, second = made.begin()
    second.data(END)
    clock.now = SECOND + 1
    first.fail(TimeoutError(), ((TimeoutError, "", Outcome.FIRST_TOKEN_TIMEOUT),))
    second.finish()
    made.end(first)
    made.end(second)
    made.engine.close()
    assert made.outbox.streams() == [(0, Outcome.TOTAL_TIMEOUT), (1, Outcome.OK)]


def test_a_stream_ends_once_and_is_not_aborted_afterwards(clock: Clock) -> None:
    """Its connection may be the next stream's."""
    made = Driven(concurrency=1)
    (recorder,) = made.begin()
    recorder.data(END)
    made.end(recorder)
    recorder.abort()
    assert made.aborted == []
    made.engine.close()
    assert made.outbox.streams() == [(0, Outcome.OK)]


def test_streams_of_one_slot_are_kept_apart(clock: Clock) -> None:
    made = Driven(concurrency=1, load=Load(requests=2))
    (first,) = made.begin()
    first.data(END)
    after = made.end(first)
    assert after is not None
    second = made.engine.begin_stream(after)
    assert second is not None
    assert made.engine.open == {second.number: second}
    assert (second.slot, second.number) != (first.slot, first.number)
    assert made.engine.end_stream(first, after) is None  # ended already
    assert second.number in made.engine.open


def test_streams_that_cannot_be_ended_do_not_hold_up_the_cell(clock: Clock) -> None:
    made = Driven(concurrency=2, timeouts=SHORT)
    made.begin()
    clock.now = SECOND + CHECK_INTERVAL_NS
    assert len(made.check(clock.now)) == 2
    assert not made.engine.is_finished(SECOND + STOP_TIMEOUT_NS)
    assert made.engine.is_finished(SECOND + STOP_TIMEOUT_NS + 1)
    made.engine.close()
    assert made.outbox.streams() == [(0, Outcome.FIRST_TOKEN_TIMEOUT), (1, Outcome.FIRST_TOKEN_TIMEOUT)]


def test_a_slot_between_two_streams_is_waited_for(clock: Clock) -> None:
    made = Driven(concurrency=2, timeouts=SHORT)
    first, second = made.engine.dispatcher.take_due(0)
    made.engine.begin_stream(second)
    assert not made.engine.is_finished(100 * SECOND)
    made.engine.begin_stream(first)
    assert made.engine.is_finished(100 * SECOND)


def test_edges_of_the_window_and_progress_are_reported(clock: Clock) -> None:
    made = Driven(load=Load(duration=2.0, warmup=1.0))
    for recorder in made.begin():
        recorder.data(token() * 3)
    for now in range(0, 3 * SECOND, CHECK_INTERVAL_NS):
        clock.now = now
        made.check(now)
    assert made.outbox.edges() == [SECOND, 2 * SECOND]
    pulses = [frame for frame in made.outbox.frames if isinstance(frame, Pulse)]
    assert [pulse.at for pulse in pulses] == list(range(0, 3 * SECOND, PULSE_INTERVAL_NS))
    assert {(pulse.open, pulse.text_events) for pulse in pulses} == {(2, 6)}
    made.engine.close()
    assert len(made.outbox.edges()) == 2


def test_a_cell_that_counts_requests_has_its_second_edge_at_the_end(clock: Clock) -> None:
    made = Driven(load=Load(requests=1))
    made.check(0)
    clock.now = 5 * SECOND
    made.engine.close()
    assert made.outbox.edges() == [0, 5 * SECOND]


def test_the_driver_waits_no_longer_than_until_something_is_due(clock: Clock) -> None:
    made = Driven(concurrency=1, load=Load(duration=1.0, ramp=0.08, warmup=0.09))
    first = next(arrivals(made.cell)).due
    made.check(0)
    assert made.engine.wakes_at() == first
    made.begin(first)
    assert made.engine.wakes_at() == int(0.09 * SECOND)
    made.check(int(0.09 * SECOND))
    assert made.engine.wakes_at() == CHECK_INTERVAL_NS


def ended(made: Driven, number: int) -> None:
    for recorder in made.begin()[:number]:
        recorder.data(END)
        made.end(recorder)


def test_a_check_sends_no_more_than_a_batch(clock: Clock) -> None:
    made = Driven(concurrency=core.MIN_BATCH + 5)
    ended(made, core.MIN_BATCH + 5)
    made.check(0)
    assert len(made.outbox.streams()) == core.MIN_BATCH
    made.engine.close()
    assert len(made.outbox.streams()) == core.MIN_BATCH + 5


def test_long_streams_are_sent_in_smaller_batches(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "MAX_BATCH_BYTES", 100)
    made = Driven(concurrency=30)
    ended(made, 30)
    made.check(0)
    assert 0 < len(made.outbox.streams()) <= 10


@pytest.mark.parametrize("interval_ms", [1, 100, 1000], ids=lambda ms: f"a check every {ms} ms")
@pytest.mark.parametrize("rate", [1000, 5000, 20_000])
def test_streams_leave_as_fast_as_they_end(clock: Clock, rate: int, interval_ms: int) -> None:
    """Also where the loop is so busy that it seldom checks."""
    most, ends_per_check, now = 0, rate * interval_ms // 1000, 0
    made = Driven(concurrency=ends_per_check)
    for _ in range(20):
        ended(made, ends_per_check)
        made.engine.dispatcher.start(now)
        made.check(now)
        most = max(most, len(made.engine._ended))
        now = clock.now = now + interval_ms * 1_000_000
    assert most <= max(4 * ends_per_check, rate // 5, core.MIN_BATCH)


def test_a_driver_wakes_soon_while_streams_wait_to_be_sent(clock: Clock) -> None:
    made = Driven(concurrency=core.MIN_BATCH + 5)
    ended(made, core.MIN_BATCH + 5)
    made.check(0)
    assert made.engine.wakes_at() == core.FLUSH_INTERVAL_NS
    made.check(core.FLUSH_INTERVAL_NS)
    assert len(made.outbox.streams()) == core.MIN_BATCH + 5
    assert made.engine.wakes_at() > 2 * core.FLUSH_INTERVAL_NS
