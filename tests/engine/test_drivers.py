"""The two drivers on the same schedule and the same scripts: the same streams come out."""

from __future__ import annotations

import sys
import threading
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from loadgen.clients import Sink
from loadgen.engine import core
from loadgen.engine.pipe import Done, Edge, Frame
from loadgen.loads import arrivals
from loadgen.model import ClientId, Load, Outcome, Request, Stage, Stream, Timeouts
from tests.engine.fakes import FOR_EVER, LEFT, PAUSE_NS, SHAPES, FakeSync, Odd, Script, drive, quick, streams
from tests.lab.cells import cell

TOKEN = b'{"created_at":"2026-01-31T12:00:00.000000001Z","response":"a"}\n'
END = b'{"done":true,"eval_count":2}\n'
every_shape = pytest.mark.parametrize("shape", SHAPES)

SCRIPTS = {
    "good": Script(200, [TOKEN, TOKEN[:9], TOKEN[9:] + END]),
    "short": Script(200, [TOKEN]),
    "nothing": Script(204, []),
    "busy": Script(503, [b"que", b"ue full"]),
    "error in a 200": Script(200, [TOKEN, b'{"error":"no"}\n', TOKEN]),
    "broken": Script(200, [TOKEN * 2 + b"}\n", TOKEN]),
    "odd": Script(200, [TOKEN, Odd("oh")]),
    "unknown": Script(200, [RuntimeError("bug")]),
    "refused": Script(None, [ConnectionRefusedError("no")]),
    "stall": Script(200, [TOKEN, FOR_EVER, TOKEN]),
    "silence": Script(200, [FOR_EVER]),
    "done, then silence": Script(200, [TOKEN, END, FOR_EVER]),
}
STAGES = Load(
    stages=(Stage(6, 0.05), Stage(2, 0.0), Stage(2, 0.05), Stage(5, 0.0), Stage(5, 0.03), Stage(0, 0.03))
)
QUICK = Timeouts(connect=1, first_token=0.4, idle=0.25, total=20)
COMMANDS = [(3, b'{"streams": 5}\n'), (5, b'{"streams": 1}\n'), (1, b'{"stop": true}\n')]
FAILING = cell(concurrency=9, load=Load(), prompts=("refused",))
FEWER_AND_MORE = [(0, b'{"streams": %d}\n' % number) for number in (2, 2, 0, 2, 2, 1, 2, 2, 0)]
FEWER_AND_MORE.append((0, b'{"stop": true}\n'))
OUTCOMES = {
    "good": Outcome.OK,
    "short": Outcome.TRUNCATED,
    "nothing": Outcome.TRUNCATED,
    "busy": Outcome.HTTP_STATUS,
    "error in a 200": Outcome.SERVER_ERROR,
    "broken": Outcome.UNDECODABLE,
    "odd": Outcome.RESET,
    "unknown": Outcome.FAILED,
    "refused": Outcome.REFUSED,
    "stall": Outcome.IDLE_TIMEOUT,
    "silence": Outcome.FIRST_TOKEN_TIMEOUT,
    "done, then silence": Outcome.OK,
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)


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


@cache
def everything(shape: str) -> list[Frame]:
    wanted = cell(
        concurrency=len(SCRIPTS), prompts=tuple(SCRIPTS), load=Load(requests=2, ramp=0.05), timeouts=QUICK
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
    assert found[1].due - found[0].end >= PAUSE_NS
    assert found[1].start >= found[1].due - 2e6  # timers of a loop may be a millisecond early


@every_shape
def test_a_stop_ends_every_stream(shape: str) -> None:
    wanted = cell(concurrency=3, load=Load(requests=5), prompts=("stall",))
    frames = drive(shape, wanted, SCRIPTS, b'{"stop": true}\n')
    assert {stream.outcome for stream in streams(frames)} <= {Outcome.STOPPED}
    assert isinstance(frames[-1], Done)


@every_shape
@pytest.mark.parametrize("slots", [None, (1, 4)], ids=["all", "a share"])
@pytest.mark.parametrize("load", [Load(duration=0.1, ramp=0.05), STAGES], ids=["duration", "stages"])
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
    frames = drive(shape, wanted, SCRIPTS, b'{"streams": 3}\n', COMMANDS)
    found = streams(frames)
    assert [stream.slot for stream in found] == [0, 1, 2, 3, 4]
    assert {stream.outcome for stream in found} == {Outcome.STOPPED}
    assert max(found, key=lambda stream: stream.end).slot == 0
    assert LEFT == [0]


@every_shape
def test_a_slot_that_sleeps_when_it_becomes_surplus_is_not_left_behind(shape: str) -> None:
    """It has failed, waits to try again, and has no stream that could be ended."""
    frames = drive(shape, FAILING, SCRIPTS, b'{"streams": 2}\n', FEWER_AND_MORE)
    found = streams(frames)
    assert {stream.slot for stream in found} <= {0, 1}  # on a busy machine one may leave before it starts
    assert {stream.outcome for stream in found} == {Outcome.REFUSED}
    assert LEFT == [0]


@every_shape
def test_a_parent_that_has_gone_before_the_start_gets_no_stream(shape: str) -> None:
    assert streams(drive(shape, cell(prompts=("good",)), SCRIPTS, starts=False)) == []


def test_a_thread_that_is_stuck_in_its_library_does_not_hold_up_the_cell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(core, "STOP_TIMEOUT_NS", 50_000_000)
    wanted = cell(
        concurrency=2,
        prompts=("stuck", "good"),
        timeouts=Timeouts(connect=1, first_token=0.2, idle=5, total=20),
    )
    frames = drive("threads", wanted, {**SCRIPTS, "stuck": Script(None, [FOR_EVER])})
    assert [stream.outcome for stream in streams(frames)] == [Outcome.FIRST_TOKEN_TIMEOUT, Outcome.OK]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_threads_have_the_requested_stack_size(monkeypatch: pytest.MonkeyPatch) -> None:
    both, found = threading.Barrier(2, timeout=20), []

    class Together(FakeSync):
        def stream(self, request: Request, sink: Sink) -> None:
            both.wait()
            found.append(_virtual_mib())
            both.wait()
            super().stream(request, sink)

    monkeypatch.setitem(SHAPES, "threads", (SHAPES["threads"][0], Together))
    wanted = cell(client=ClientId("requests", {"stack": "256MiB"}), prompts=("good",))
    before = _virtual_mib()
    try:
        drive("threads", wanted, SCRIPTS)
    finally:
        threading.stack_size(0)
    assert len(found) == 2
    assert min(found) - before >= 2 * 256


def _virtual_mib() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmSize:"))
