"""The two drivers on the same schedule and the same scripts: the same streams come out."""

from __future__ import annotations

from itertools import pairwise

import pytest

from loadgen.engine.frames import Done, Edge, Frame
from loadgen.loads import arrivals
from loadgen.model import Load, Outcome, Stage, Stream, Timeouts
from tests.engine.fakes import FOR_EVER, SHAPES, Odd, Script, drive, streams
from tests.lab.cells import cell

TOKEN = b'{"created_at":"2026-01-31T12:00:00.000000001Z","response":"a"}\n'
END = b'{"done":true,"eval_count":2}\n'
every_shape = pytest.mark.parametrize("shape", SHAPES)

SCRIPTS = {
    "good": Script(200, [TOKEN, TOKEN[:9], TOKEN[9:] + END]),
    "short": Script(200, [TOKEN]),
    "nothing": Script(204, []),
    "busy": Script(503, [b"que", b"ue full"]),
    "said": Script(200, [TOKEN, b'{"error":"no"}\n', TOKEN]),
    "broken": Script(200, [TOKEN * 2 + b"}\n", TOKEN]),
    "odd": Script(200, [TOKEN, Odd("oh")]),
    "unknown": Script(200, [RuntimeError("bug")]),
    "refused": Script(None, [ConnectionRefusedError("no")]),
    "stall": Script(200, [TOKEN, FOR_EVER, TOKEN]),
    "silence": Script(200, [FOR_EVER]),
    "done, then silence": Script(200, [TOKEN, END, FOR_EVER]),
}
STAGES = Load(
    stages=(Stage(6, 0.1), Stage(2, 0.0), Stage(2, 0.1), Stage(5, 0.0), Stage(5, 0.05), Stage(0, 0.05))
)
OUTCOMES = {
    "good": Outcome.OK,
    "short": Outcome.TRUNCATED,
    "nothing": Outcome.TRUNCATED,
    "busy": Outcome.HTTP_STATUS,
    "said": Outcome.SERVER_ERROR,
    "broken": Outcome.UNDECODABLE,
    "odd": Outcome.RESET,
    "unknown": Outcome.FAILED,
    "refused": Outcome.REFUSED,
    "stall": Outcome.IDLE_TIMEOUT,
    "silence": Outcome.FIRST_TOKEN_TIMEOUT,
    "done, then silence": Outcome.OK,
}


def reported(stream: Stream) -> tuple[object, ...]:
    """All of it but the marks."""
    return (
        stream.slot,
        stream.outcome,
        stream.status,
        stream.error,
        stream.size,
        stream.counts,
        stream.stamps,
        stream.first_stamp_ns,
        stream.usage,
        stream.headers is None,
    )


def everything(shape: str) -> list[Frame]:
    wanted = cell(
        concurrency=len(SCRIPTS),
        prompts=tuple(SCRIPTS),
        load=Load(requests=2, ramp=0.05),
        timeouts=Timeouts(connect=1, first_token=0.5, idle=0.3, total=20),
    )
    return drive(shape, wanted, SCRIPTS)


def test_the_drivers_come_to_the_same_results() -> None:
    first, *others = ([reported(stream) for stream in streams(everything(shape))] for shape in SHAPES)
    assert len(first) == 2 * len(SCRIPTS)
    for other in others:
        assert other == first
    names = list(SCRIPTS)
    for row, place in zip(first, range(len(first)), strict=True):
        assert row[:2] == (place // 2, OUTCOMES[names[(place // 2 + place % 2) % len(names)]])


@every_shape
def test_a_slot_starts_its_streams_one_after_the_other(shape: str) -> None:
    wanted = cell(concurrency=3, load=Load(requests=4, ramp=0.06), prompts=("good",), seed=5)
    found = streams(drive(shape, wanted, SCRIPTS))
    assert [stream.slot for stream in found] == [slot for slot in range(3) for _ in range(4)]
    first = found[0]
    for before, after in pairwise(found):
        assert after.due <= after.start <= after.end
        if before.slot == after.slot:
            assert after.due >= before.end
    planned = [arrival.due for arrival in arrivals(wanted)]
    assert [stream.due - first.due for stream in found[::4]] == [at - planned[0] for at in planned]


@every_shape
def test_nothing_is_due_after_the_duration_and_what_is_open_runs_to_its_end(shape: str) -> None:
    wanted = cell(concurrency=2, load=Load(duration=0.15, warmup=0.05), prompts=("good",))
    frames = drive(shape, wanted, SCRIPTS)
    found = streams(frames)
    zero = min(stream.due for stream in found)
    assert len(found) > 2
    assert all(stream.due < zero + 0.15e9 and stream.outcome == Outcome.OK for stream in found)
    begin, end = (frame.totals.at for frame in frames if isinstance(frame, Edge))
    assert 0.05e9 <= begin - zero < end - zero
    assert end - zero >= 0.15e9
    assert isinstance(frames[-1], Done)


@every_shape
def test_a_slot_rests_after_a_failure(shape: str) -> None:
    found = streams(drive(shape, cell(concurrency=1, prompts=("refused",), load=Load(requests=2)), SCRIPTS))
    assert found[1].due - found[0].end >= 0.25e9
    assert found[1].start >= found[1].due - 2e6  # timers of a loop may be a millisecond early


@every_shape
def test_a_stop_ends_every_stream(shape: str) -> None:
    wanted = cell(concurrency=3, load=Load(requests=5), prompts=("stall",))
    frames = drive(shape, wanted, SCRIPTS, b'{"stop": true}\n')
    assert {stream.outcome for stream in streams(frames)} <= {Outcome.STOPPED}
    assert isinstance(frames[-1], Done)


@every_shape
@pytest.mark.parametrize("slots", [None, (1, 4)], ids=["all", "a share"])
@pytest.mark.parametrize("load", [Load(duration=0.2, ramp=0.1), STAGES], ids=["duration", "stages"])
def test_streams_come_and_go_as_scheduled(shape: str, load: Load, slots: tuple[int, ...] | None) -> None:
    wanted = cell(concurrency=6, load=load, prompts=("good",), seed=5, slots=slots)
    frames = drive(shape, wanted, SCRIPTS)
    found = streams(frames)
    planned = [(each.slot, each.due, each.until or 0) for each in arrivals(wanted)]
    zero = min(stream.due for stream in found) - planned[0][1]
    for stream in found:
        assert any(slot == stream.slot and begin <= stream.due - zero < end for slot, begin, end in planned)
    # On a busy machine a slot may still have a stream when it is wanted again; the first time it has none.
    firsts = {stream.slot: stream.due - zero for stream in reversed(found)}
    assert firsts == {slot: begin for slot, begin, _ in reversed(planned)}
    assert {stream.outcome for stream in found} == {Outcome.OK}
    assert load.seconds is not None
    assert [frame.totals.at for frame in frames if isinstance(frame, Edge)][1] - zero >= load.seconds * 1e9


@every_shape
def test_streams_as_commanded(shape: str) -> None:
    wanted = cell(concurrency=9, load=Load(), prompts=("stall",), timeouts=Timeouts(idle=60, total=60))
    frames = drive(shape, wanted, SCRIPTS, b'{"streams": 3}\n', (3, b'{"stop": true}\n'))
    found = streams(frames)
    assert [stream.slot for stream in found] == [0, 1, 2]
    assert {stream.outcome for stream in found} == {Outcome.STOPPED}


def test_a_thread_that_its_library_holds_does_not_hold_up_the_cell() -> None:
    wanted = cell(
        concurrency=2,
        prompts=("held", "good"),
        timeouts=Timeouts(connect=1, first_token=0.5, idle=5, total=20),
    )
    frames = drive("threads", wanted, {**SCRIPTS, "held": Script(None, [FOR_EVER])})
    assert [stream.outcome for stream in streams(frames)] == [Outcome.FIRST_TOKEN_TIMEOUT, Outcome.OK]
