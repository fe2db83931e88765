"""Both drivers with streams that arrive at a rate."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from loadgen.clients import Sink
from loadgen.engine.pipe import Done, Frame
from loadgen.loads import arrivals
from loadgen.model import Cell, Level, Load, Outcome, Request, Stream, Timeouts
from tests.engine.fakes import FOR_EVER, LEFT, SHAPES, FakeSync, Script, drive, quick, streams
from tests.lab.cells import cell

TOKEN = b'{"created_at":"2026-01-31T12:00:00.000000001Z","response":"a"}\n'
END = b'{"done":true,"eval_count":2}\n'
SCRIPTS = {
    "good": Script(200, [TOKEN, END]),
    "refused": Script(None, [ConnectionRefusedError("no")]),
    "stall": Script(200, [TOKEN, FOR_EVER]),
}
every_shape = pytest.mark.parametrize("shape", SHAPES)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)


def at_rate(prompt: str, rate: float = 200.0, seconds: float = 0.2, **changes: Any) -> Cell:
    load = Load(arrivals="poisson", duration=seconds, max_streams=changes.pop("max_streams", 100))
    timeouts = Timeouts(connect=1, first_token=1, idle=0.1, total=20)
    return cell(level=Level(rate=rate), load=load, prompts=(prompt,), timeouts=timeouts, **changes)


def not_started(frames: list[Frame]) -> int:
    [done] = [frame.not_started for frame in frames if isinstance(frame, Done)]
    return done


def dues(found: list[Stream], of: Cell) -> list[int]:
    """When the streams were due, from the start of the cell on."""
    start = found[0].due - next(arrivals(of)).due
    return [stream.due - start for stream in found]


@every_shape
@pytest.mark.parametrize(("prompt", "outcome"), [("good", Outcome.OK), ("refused", Outcome.REFUSED)])
def test_every_stream_starts_at_its_time_whatever_became_of_those_before(
    shape: str, prompt: str, outcome: Outcome
) -> None:
    of = at_rate(prompt)
    frames = drive(shape, of, SCRIPTS)
    found = streams(frames)
    assert [stream.slot for stream in found] == list(range(40))
    assert dues(found, of) == [arrival.due for arrival in arrivals(of)]
    assert {(stream.outcome, stream.held_ns) for stream in found} == {(outcome, 0)}
    assert all(stream.start >= stream.due for stream in found)
    assert (not_started(frames), LEFT) == (0, [0])


@every_shape
def test_at_the_most_streams_arrivals_are_held_and_those_left_at_the_end_are_counted(shape: str) -> None:
    frames = drive(shape, at_rate("stall", seconds=0.3, max_streams=2), SCRIPTS)
    found = streams(frames)
    assert [stream.slot for stream in found] == list(range(len(found)))
    assert [stream.held_ns for stream in found[:2]] == [0, 0]
    assert all((stream.held_ns or 0) > 0 for stream in found[2:])
    assert all(stream.start >= stream.due + (stream.held_ns or 0) for stream in found)
    assert len(found) + not_started(frames) == 60
    assert len(found) >= 4
    assert not_started(frames) >= 40
    assert LEFT == [0]


@every_shape
def test_a_stop_ends_what_is_open_and_counts_what_was_due(shape: str) -> None:
    frames = drive(
        shape, at_rate("stall", seconds=60.0, max_streams=2), SCRIPTS, later=[(2, b'{"stop": true}\n')]
    )
    assert not_started(frames) + len(streams(frames)) < 12_000
    assert LEFT == [0]


@every_shape
def test_a_number_of_streams_cannot_be_commanded(shape: str) -> None:
    with pytest.raises(ValueError, match="has a schedule"):
        drive(shape, at_rate("good"), SCRIPTS, commands=b'{"streams": 5}\n{"stop": true}\n', later=())


def test_a_thread_that_is_idle_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def stream(self: FakeSync, request: Request, sink: Sink) -> None:
        threads.append(threading.get_ident())
        sink.headers(200)
        sink.data(TOKEN + END)

    monkeypatch.setattr(FakeSync, "stream", stream)
    found = streams(drive("threads", at_rate("good", rate=100.0, seconds=0.5), SCRIPTS))
    assert len(found) == len(threads) == 50
    assert len(set(threads)) < 25


@every_shape
def test_what_is_to_come_of_a_lost_worker_is_taken_over(shape: str) -> None:
    of = at_rate("good", seconds=0.4, slots=(0,), shares=2)
    own = streams(drive(shape, of, SCRIPTS))
    assert [stream.slot for stream in own] == list(range(0, 80, 2))
    both = streams(drive(shape, of, SCRIPTS, commands=b'{"add": [1]}\n'))
    odd = [stream.slot for stream in both if stream.slot % 2]
    assert odd == list(range(odd[0], 80, 2))
    assert len(odd) > 20
    assert {*range(0, 80, 2)} < {stream.slot for stream in both}
