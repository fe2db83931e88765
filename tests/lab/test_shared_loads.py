"""Whatever a scenario can say of a load, several engines together run what one runs alone."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadgen import loads, store
from loadgen.analysis.repeats import repeats_of
from loadgen.analysis.validity import of_repeat
from loadgen.lab import engine, engines, plan
from loadgen.lab.stopping import StopRules
from loadgen.model import (
    Cell,
    ClientId,
    Conversations,
    Level,
    Listener,
    Load,
    Message,
    Outcome,
    Progress,
    Prompt,
    RateStage,
    Recording,
    RecordingInfo,
    Simulator,
    Stage,
    Stop,
    Stream,
    Timeouts,
    Trace,
    reasons,
)
from loadgen.model.progress import Listeners
from loadgen.simulator.process import Process
from tests.cli.server import Handler, Ollama, ollama
from tests.lab.cells import cell, changed

QUICK = Simulator(ttft=0.001, gap=0.0, tokens=2)
PROMPTS = tuple(map(Prompt, "abcde"))
NAMES = "engine 1 of 2", "engine 2 of 2"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Process(QUICK) as server:
        yield server.url


def shared(of: Cell, number: int, listener: Listener | None = None, **ends: Any) -> list[Recording]:
    """Run the cell on so many engines."""
    interrupted = ends.get("interrupted", lambda: False)
    return [*engines.record(plan.shared(of, number, ()), listener or Listener(), interrupted)]


def rows(parts: Sequence[Recording], *columns: str) -> list[tuple[int, ...]]:
    """Return these columns of all streams, marks from the start of their own part; sorted."""
    found: list[tuple[int, ...]] = []
    for part in parts:
        of = [getattr(part.streams, name) - (part.start if name == "due" else 0) for name in columns]
        found += zip(*(each.tolist() for each in of), strict=True)
    return sorted(found)


def first_due(parts: Sequence[Recording]) -> dict[int, int]:
    """Return when the first stream of each slot was due."""
    return {slot: due for slot, due in reversed(rows(parts, "slot", "due"))}  # noqa: C416 - its type


def asked(server: Ollama) -> list[str]:
    """Return the prompts that the server was sent since the last call, sorted."""
    bodies, server.bodies[:] = [*server.bodies], []
    return sorted(json.loads(body)["prompt"] for body in bodies)


# -- open loads


def trace(folder: Path, *lines: dict[str, Any]) -> Load:
    file = folder / "trace.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Load(arrivals="trace", trace=Trace(file=str(file), rate=50.0, seconds=0.4), duration=0.4)


OPEN: dict[str, Callable[[Path], Load]] = {
    "constant": lambda _: Load(arrivals="constant", duration=0.4),
    "poisson": lambda _: Load(arrivals="poisson", duration=0.4, warmup=0.2),
    "gamma": lambda _: Load(arrivals="gamma", shape=0.3, duration=0.4),
    "rates": lambda _: Load(
        arrivals="poisson", rates=(RateStage(80.0, 0.2), RateStage(10.0, 0.0), RateStage(40.0, 0.2))
    ),
    "trace": lambda folder: trace(folder, *({"timestamp": n * n / 1000} for n in range(20))),
    "prompts": lambda folder: trace(
        folder, *({"timestamp": 3.0 + n // 3 / 20, "prompt": f"ask {n}"} for n in range(20))
    ),
    "tokens": lambda folder: trace(
        folder, *({"timestamp": n / 50, "output_tokens": n % 7 + 1} for n in range(20))
    ),
    "single": lambda _: Load(arrivals="constant", duration=0.02),
}


@pytest.mark.parametrize("load", OPEN)
def test_every_arrival_comes_once_when_it_is_due_with_what_it_asks(tmp_path: Path, load: str) -> None:
    of = cell(level=Level(rate=50.0), load=OPEN[load](tmp_path), prompts=PROMPTS, seed=3)
    columns, sent = ("slot", "due", "prompt", "output_asked"), []
    with ollama(lambda handler: handler.stream(1, gap=0.0)) as server:
        found = []
        for number in (1, 2):
            parts = shared(changed(of, url=server.url), number)
            assert [part.ended for part in parts] == [""] * number
            assert [bool((part.streams.start < part.streams.due).any()) for part in parts] == [False] * number
            assert sum(part.not_started for part in parts) == 0
            assert len({part.start for part in parts}) == 1
            found.append(rows(parts, *columns))
            sent.append(asked(server))
            assert not [each for each in of_repeat(repeats_of(parts)[0]) if each.engines]
    assert [row[:2] for row in found[0]] == [(n, each.due) for n, each in enumerate(loads.arrivals(of))]
    assert found[0] == found[1]
    assert sent[0] == sent[1]


def test_places_are_dealt_and_what_had_none_is_counted() -> None:
    load = Load(arrivals="constant", duration=0.2, max_streams=3)
    forever: Callable[[Handler], None] = lambda handler: handler.stream(10**9)  # noqa: E731
    with ollama(forever) as server:
        of = cell(url=server.url, level=Level(rate=100.0), load=load, timeouts=Timeouts(total=0.5))
        parts = shared(of, 2)
    assert [len(part.streams) for part in parts] == [2, 1]
    assert sum(part.not_started for part in parts) == 17


def test_a_trace_that_goes_wrong_ends_all_engines_with_its_line(tmp_path: Path, url: str) -> None:
    lines = [{"timestamp": n / 100} for n in range(10)]
    load = trace(tmp_path, *lines, {"timestamp": 0.05})
    parts = shared(cell(url=url, level=Level(rate=50.0), load=load), 2)
    assert {part.ended for part in parts} == {
        "trace.jsonl:11: goes back in time, by 0.04 s; lines in the order of their times"
    }
    assert sum(len(part.streams) for part in parts) == 10


# -- closed loads


@pytest.mark.parametrize(("streams", "number", "shares"), [(1, 4, [1]), (3, 2, [2, 1]), (5, 3, [2, 2, 1])])
def test_every_slot_runs_its_requests_on_one_engine(
    url: str, streams: int, number: int, shares: list[int]
) -> None:
    load = Load(requests=3, ramp=0.1)
    of = cell(url=url, concurrency=streams, load=load, prompts=PROMPTS)
    alone, parts = shared(of, 1), shared(of, number)
    assert [len({*part.streams.slot.tolist()}) for part in parts] == shares
    assert [part.share for part in parts] == (shares if len(shares) > 1 else [None])
    assert rows(parts, "slot", "prompt") == rows(alone, "slot", "prompt")
    begin = {each.slot: each.due for each in loads.arrivals(of)}
    for found in (alone, parts):
        assert first_due(found) == begin


def test_a_duration_and_a_ramp_are_the_same_for_all(url: str) -> None:
    of = cell(url=url, concurrency=5, load=Load(duration=0.4, ramp=0.2, warmup=0.1))
    parts = shared(of, 2)
    begin = {each.slot: each.due for each in loads.arrivals(of)}
    assert first_due(parts) == begin
    assert {(part.window[0] - part.start, part.window[1] - part.start) for part in parts} == {
        (100_000_000, 400_000_000)
    }
    assert max(due for (due,) in rows(parts, "due")) < 400_000_000


def test_stages_add_and_remove_the_same_streams(url: str) -> None:
    stages = Stage(5, 0.2), Stage(5, 0.1), Stage(1, 0.0), Stage(1, 0.1), Stage(4, 0.2)
    of = cell(url=url, concurrency=5, load=Load(stages=stages))
    parts = shared(of, 2)
    spans = [(each.slot, each.due, each.until) for each in loads.arrivals(of)]
    found = rows(parts, "slot", "due")
    for slot, begin, until in spans:
        assert (slot, begin) in found
        own = [due for at, due in found if at == slot and begin <= due < until]
        found = [(at, due) for at, due in found if at != slot or due not in own]
    assert not found, "no stream is due while its slot is not wanted"
    assert [{*part.streams.slot.tolist()} for part in parts] == [{0, 2, 4}, {1, 3}]


# -- conversations

TALKS = tuple(Prompt(messages=tuple(Message("user", f"{n}.{turn}") for turn in range(3))) for n in range(4))


@pytest.mark.parametrize("is_open", [False, True])
def test_a_conversation_stays_on_its_engine_and_carries_its_own_answers(is_open: bool) -> None:
    answers: set[str] = set()

    def answer(handler: Handler) -> None:
        text = f"answer {handler.server.count()}"
        answers.add(text)
        message = {"message": {"role": "assistant", "content": text}, "done": False}
        handler.say(200, json.dumps(message).encode() + b"\n" + b'{"done": true}\n')

    load = Load(arrivals="constant", duration=0.4) if is_open else Load(requests=6)
    level = Level(rate=10.0) if is_open else Level(streams=3)
    talk = Conversations(think=0.01)
    with ollama(answer) as server:
        of = cell(url=server.url, level=level, load=load, prompts=TALKS, conversations=talk, seed=2)
        of = changed(of, protocol="ollama-chat")
        alone = rows(shared(of, 1), "slot", "session", "turn", "prompt")
        server.bodies.clear()
        answers.clear()
        parts = shared(of, 2)
        bodies = [*server.bodies]
    if not is_open:
        assert rows(parts, "slot", "session", "turn", "prompt") == alone
    else:  # a session that thinks at the end of the load says no more
        assert {row[:2] for row in rows(parts, "slot", "session")} == {row[:2] for row in alone}
    assert all({*part.streams.slot.tolist()} and part.streams.turn.max() == 2 for part in parts)
    assert not {*parts[0].streams.slot.tolist()} & {*parts[1].streams.slot.tolist()}
    later = [json.loads(body)["messages"] for body in bodies]
    for messages in (each for each in later if len(each) > 1):
        assert messages[-2]["content"] in answers
        assert [each["content"][:2] for each in messages[::2]] == [messages[0]["content"][:2]] * len(
            messages[::2]
        )
    carried = Counter(m["content"] for each in later if len(each) == 5 for m in each[1::2])
    assert set(carried.values()) == {1}, "no two sessions carry one answer"


# -- ends


class Counting(Listener):
    """How many streams have ended."""

    def __init__(self) -> None:
        self.ended_streams = 0

    def ended(self, streams: Sequence[Stream], of: Callable[[], RecordingInfo]) -> None:
        self.ended_streams += len(streams)


@pytest.mark.parametrize("load", [Load(duration=60.0), Load(requests=10**6)])
def test_an_interrupt_leaves_what_it_leaves_of_one_engine(url: str, load: Load) -> None:
    found = []
    for number in (1, 2):
        heard = Counting()
        of = cell(url=url, concurrency=3, load=load)
        parts = shared(of, number, heard, interrupted=lambda heard=heard: heard.ended_streams > 20)
        assert {part.ended for part in parts} == {"interrupted"}
        assert sum(len(part.streams) for part in parts) == heard.ended_streams
        found.append(of_repeat(repeats_of(parts)[0]))
    assert found[0] == found[1]


def test_an_interrupt_after_one_engine_has_ended_is_one_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own streams are over, and the cell is not."""
    original, over = engine.Engine.run, threading.Event()

    def noted(self: engine.Engine, *args: Any) -> None:
        original(self, *args)
        over.set()

    monkeypatch.setattr(engine.Engine, "run", noted)
    forever: Callable[[Handler], None] = lambda handler: handler.stream(  # noqa: E731
        1 if json.loads(handler.body)["prompt"] == "a" else 10**9
    )
    of = cell(concurrency=2, load=Load(requests=1), prompts=("a", "b"))
    found = []
    with ollama(forever) as server:
        for number in (1, 2):
            heard = Counting()
            one = changed(of, url=server.url)
            ended = over.is_set if number > 1 else lambda heard=heard: heard.ended_streams > 0
            parts = shared(one, number, heard, interrupted=ended)
            over.clear()
            found.append(of_repeat(repeats_of(parts)[0]))
    assert [part.ended for part in parts] == ["", "interrupted"]
    assert found[0] == found[1]


def test_an_interrupt_before_the_start_leaves_no_stream() -> None:
    parts = shared(cell(concurrency=2, load=Load(duration=30.0)), 2, interrupted=lambda: True)
    assert [(part.ended, len(part.streams)) for part in parts] == [("interrupted", 0)] * 2


def test_a_stop_rule_counts_the_streams_of_all_engines() -> None:
    with Process(Simulator(ttft=0.001, gap=0.0, tokens=2, faults={"status_500": 1.0})) as server:
        of = cell(url=server.url, concurrency=2, load=Load(duration=60.0), stop=Stop(errors=0.1, after=4))
        rules = StopRules(of)
        parts = shared(of, 2, Listeners(rules), interrupted=lambda: rules.stopped is not None)
    assert rules.stopped is not None
    assert rules.stopped.failed == rules.stopped.streams >= 4
    assert sum(len(part.streams) for part in parts) >= rules.stopped.streams


def test_progress_is_that_of_all_engines(url: str) -> None:
    heard: list[Progress] = []

    class Hears(Listener):
        def progress(self, progress: Progress) -> None:
            heard.append(progress)

    parts = shared(cell(url=url, concurrency=3, load=Load(duration=1.2)), 2, Hears())
    assert max(each.open for each in heard) == 3
    assert heard[-1].ended > max(len(part.streams) for part in parts) / 2
    assert [each.ended for each in heard] == sorted(each.ended for each in heard)


@pytest.mark.parametrize("refused", [False, True])
def test_what_fails_for_every_engine_is_reported_as_for_one(refused: bool) -> None:
    found = []
    for number in (1, 2):
        of = cell(concurrency=2, load=Load(requests=1), protocol="ollama-generate" if refused else "nothing")
        parts = shared(of, number)
        why = of_repeat(repeats_of(parts)[0])
        found.append({type(each) for each in why if not isinstance(each, reasons.ConcurrencyNotReached)})
        if refused:
            assert {str(each) for part in parts for each in part.streams.outcome} == {Outcome.REFUSED}
        else:
            assert all(" failed: LookupError" in part.ended for part in parts)
    assert found[0] == found[1]


# -- clients


@pytest.mark.parametrize(
    ("client", "changes"),
    [
        ("requests", {}),
        ("aiohttp", {}),
        ("requests", {"tls": True}),
        ("aiohttp", {"tls": True}),
        ("httpx-async", {"tls": True, "http": "2"}),
    ],
)
def test_clients_of_every_kind_are_shared(client: str, changes: dict[str, Any]) -> None:
    with Process(Simulator(ttft=0.001, gap=0.0, tokens=2, tls="tls" in changes)) as server:
        of = cell(client=ClientId(client), url=server.url, concurrency=3, load=Load(requests=2))
        if "tls" in changes:
            of = changed(of, tls=type(of.tls)(ca=server.ca))
        parts = shared(changed(of, http=changes.get("http", "1.1")), 2)
    assert [str(each) for part in parts for each in part.streams.outcome] == ["ok"] * 6
    assert [len({*part.streams.slot.tolist()}) for part in parts] == [2, 1]
    assert {str(each) for part in parts for each in part.streams.http} == {changes.get("http", "1.1")}


# -- on disk


def test_what_is_kept_of_two_engines_while_they_run_is_read_back_as_theirs(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "arrivals").mkdir()
    monkeypatch.setattr("loadgen.lab.spool.SAVE_INTERVAL_S", 0.0)
    kept: list[Recording] = []
    of = plan.shared(cell(url=url, concurrency=3, load=Load(duration=0.4)), 2, ())
    engines.record(of, Listener(), lambda: False, kept.append)
    assert {str(part.engine) for part in kept} == {*NAMES}
    assert {store.save(tmp_path, part) for part in kept} == {
        "arrivals/0001-engine-1.npz",
        "arrivals/0001-engine-2.npz",
    }
    assert all(
        np.isin(part.streams.slot, [0, 2] if str(part.engine) == NAMES[0] else [1]).all() for part in kept
    )
