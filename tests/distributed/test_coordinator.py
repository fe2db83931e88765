"""Coordinator and workers over a transport in memory: who gets which streams, and what a loss costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import loadgen
from loadgen.distributed import coordinator as module
from loadgen.distributed import messages, worker
from loadgen.lab import plan
from loadgen.model import Cell, Scenario
from loadgen.scenario import load
from tests.cli.command import scenario as scenario_file
from tests.distributed.network import Site, site, until

LOST = module.NO_HEARTBEAT


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    yield from site(monkeypatch)


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    return load(scenario_file(tmp_path, target={"url": "http://127.0.0.1:1"}, concurrency=7))


def begin(made: Site, scenario: Scenario, *, scheduled: bool = True) -> Cell:
    [cell] = plan.cells(scenario, "http://127.0.0.1:1", ())
    made.coordinator.begin(scenario, (), None, [cell], scheduled=scheduled)
    return cell


def gathered(made: Site, *nodes: str) -> None:
    for node in nodes:
        made.join(node)
    until(lambda: len(made.coordinator.nodes()) == len(nodes), "the workers")


def over(made: Site) -> None:
    until(made.coordinator.over, "the end of the job")


def test_slots_are_dealt_in_turn_and_every_stream_arrives(made: Site, scenario: Scenario) -> None:
    gathered(made, "host_a", "host_b")
    cell = begin(made, scenario)
    one, other = made.engine("host_a"), made.engine("host_b")
    assert (one.slots, other.slots) == ({0, 2, 4, 6}, {1, 3, 5})
    for engine in (one, other):
        for slot in engine.slots:
            engine.stream(slot)
        engine.end()
    over(made)
    found = made.coordinator.recordings(cell)
    assert [(each.worker, each.share, each.ended) for each in found] == [("host-1", 4, ""), ("host-2", 3, "")]
    assert [sorted(each.streams.slot.tolist()) for each in found] == [[0, 2, 4, 6], [1, 3, 5]]
    assert len(made.streams) == 7
    assert made.coordinator.most_requested == {1: 7}
    assert made.notes == []


def test_workers_of_one_machine_are_numbered_and_one_too_many_is_idle(
    made: Site, scenario: Scenario, tmp_path: Path
) -> None:
    gathered(made, "a_1", "a_2", "b_1")
    narrow = load(scenario_file(tmp_path, target={"url": "http://127.0.0.1:1"}, concurrency=2))
    begin(made, narrow)
    assert [made.engine(node).slots for node in ("a_1", "a_2")] == [{0}, {1}]
    assert not made.workers["b_1"].controllers
    jobs = [
        messages.unpack(messages.Job, data)
        for kind, data in made.network.coordinator.sent
        if kind == messages.JOB
    ]
    assert [job.place for job in jobs] == [0, 1]


def test_the_slots_of_a_lost_worker_go_to_the_others(made: Site, scenario: Scenario) -> None:
    gathered(made, "a", "b", "c")
    cell = begin(made, scenario)
    lost = made.engine("a")
    assert lost.slots == {0, 3, 6}
    lost.stream(3)
    until(lambda: made.streams, "a stream")
    made.network.lose("a")
    until(lambda: made.engine("b").commands and made.engine("c").commands, "the commands")
    assert (made.engine("b").slots, made.engine("c").slots) == ({1, 4, 0, 6}, {2, 5, 3})
    made.engine("b").stream(6)  # but for slot 0 their time is over
    made.engine("c").stream(3)
    for node in ("b", "c"):
        made.engine(node).end()
    over(made)
    first, *others = made.coordinator.recordings(cell)
    assert (first.ended, first.streams.slot.tolist()) == (LOST, [3])
    assert [(each.ended, each.share) for each in others] == [("", 3), ("", 3)]
    assert len(made.notes) == 1


def test_an_engine_that_dies_is_a_loss_like_any_other(made: Site, scenario: Scenario) -> None:
    gathered(made, "a", "b")
    cell = begin(made, scenario)
    made.engine("b")
    made.engine("a").end("the engine died (signal 9)")
    until(lambda: made.engine("b").commands, "the command")
    assert made.engine("b").slots == set(range(7))
    made.engine("b").end()
    over(made)
    assert [each.ended for each in made.coordinator.recordings(cell)] == [
        "the engine died (signal 9)",
        "",
    ]


def test_no_worker_takes_over_the_streams_of_the_last_one(made: Site, scenario: Scenario) -> None:
    gathered(made, "a")
    cell = begin(made, scenario)
    made.engine("a")
    made.network.lose("a")
    over(made)
    [note] = made.notes
    assert "no worker is left" in note
    [found] = made.coordinator.recordings(cell)
    assert (found.ended, len(found.streams.slot)) == (LOST, 0)


def test_a_silent_worker_is_lost_and_what_it_sends_late_ends_it(
    made: Site, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered(made, "a", "b")
    begin(made, scenario)
    slow = made.engine("a")
    made.engine("b")
    until(lambda: all(each.recording for each in made.coordinator.assignments), "updates")
    held = made.network.ends["a"].send
    monkeypatch.setattr(made.network.ends["a"], "send", lambda *_: None)
    [assignment] = [each for each in made.coordinator.assignments if each.node == "a"]
    assignment.updated_at -= module.SILENCE_TIMEOUT_S
    until(lambda: assignment.lost, "the loss")
    until(lambda: made.engine("b").slots == set(range(7)), "its slots")
    monkeypatch.setattr(made.network.ends["a"], "send", held)
    until(lambda: slow.ended == "interrupted", "its end")
    made.engine("b").end()
    over(made)


def test_another_version_is_refused_and_the_run_goes_on_without_it(made: Site, scenario: Scenario) -> None:
    made.join("old", version="0.0.1")
    made.join("new")
    until(lambda: made.coordinator.nodes() == ["new"] and made.notes, "the refusal")
    assert (messages.REFUSED in dict(made.network.coordinator.sent), len(made.notes)) == (True, 1)
    assert loadgen.__version__ in made.notes[0]
    begin(made, scenario)
    assert made.engine("new").slots == set(range(7))


def test_a_worker_with_another_scenario_takes_no_part(
    made: Site, scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered(made, "a", "b")
    [cell] = plan.cells(scenario, "http://127.0.0.1:1", ())
    real, seen = worker.fingerprint, []

    def differs_once(of: Scenario) -> str:
        seen.append(of)
        return real(of) if len(seen) > 1 else "another"

    monkeypatch.setattr(worker, "fingerprint", differs_once)
    made.coordinator.begin(scenario, (), None, [cell], scheduled=True)
    until(lambda: any(each.lost for each in made.coordinator.assignments), "the failure")
    assert made.engine("b").slots == {1, 3, 5} or made.engine("b").commands
    until(lambda: made.engine("b").slots == set(range(7)), "its slots")
    assert not made.workers["a"].controllers
    made.engine("b").end()
    over(made)
    first, second = made.coordinator.recordings(cell)
    assert ("differs from the master's file" in first.ended, second.ended) == (True, "")


def test_nothing_is_measured_where_no_worker_can_take_part(
    made: Site, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered(made, "a")
    monkeypatch.setattr(module, "fingerprint", lambda _: "another")
    cell = begin(made, scenario)
    over(made)
    assert made.coordinator.recordings(cell) == []
    assert [bool(each.lost) for each in made.coordinator.assignments] == [True]


def test_users_are_streams_and_late_workers_help(made: Site, scenario: Scenario) -> None:
    gathered(made, "a")
    cell = begin(made, scenario, scheduled=False)
    engine = made.engine("a")
    assert engine.slots == set()
    for _ in range(3):
        made.workers["a"].users[""] += 1
    until(lambda: engine.commands[-1:] == [{"streams": 3, "grace": 0.0}], "the command")
    made.join("b")
    made.engine("b")
    made.workers["b"].users["floor"] += 1
    until(lambda: made.coordinator.most_requested == {1: 4}, "the most")
    made.workers["a"].users[""] -= 1
    until(lambda: engine.commands[-1] == {"streams": 2, "grace": 0.0}, "fewer")
    made.coordinator.end(0.0, 20.0)
    assert made.coordinator.over()
    assert [each.share for each in made.coordinator.recordings(cell)] == [3, 1]


def test_a_job_that_ends_with_grace_lets_streams_end(made: Site, scenario: Scenario) -> None:
    gathered(made, "a")
    begin(made, scenario, scheduled=False)
    engine = made.engine("a")
    made.coordinator.end(0.01, 20.0)
    assert engine.commands == [{"streams": 0, "grace": 0.01}]
    assert engine.ended == ""
    assert made.coordinator.over()


# ------------------------------------------------------------------------------------------------ an open load


@pytest.fixture
def at_rate(tmp_path: Path) -> Scenario:
    load_of = {"duration": "1s", "max_streams": 8}
    return load(
        scenario_file(tmp_path, target={"url": "http://127.0.0.1:1"}, concurrency=None, rate=20, load=load_of)
    )


def test_arrivals_are_dealt_in_turn_and_places_with_them(made: Site, at_rate: Scenario) -> None:
    gathered(made, "a", "b", "c")
    cell = begin(made, at_rate)
    engines = [made.engine(node) for node in ("a", "b", "c")]
    assert [sorted(slot % 3 for slot in engine.slots) for engine in engines] == [[k] * 12 for k in range(3)]
    assert [engine.cell.places for engine in engines] == [3, 3, 2]
    for arrival in range(20):
        engines[arrival % 3].stream(arrival)
    for engine in engines:
        engine.end()
    over(made)
    found = made.coordinator.recordings(cell)
    assert [(each.level, each.share, each.max_streams) for each in found] == [(cell.level, None, 0)] * 3
    assert sorted(slot for each in found for slot in each.streams.slot.tolist()) == list(range(20))


def test_the_arrivals_of_a_lost_worker_are_dealt_to_the_others(made: Site, at_rate: Scenario) -> None:
    gathered(made, "a", "b", "c")
    begin(made, at_rate)
    for node in ("a", "b", "c"):
        made.engine(node)
    made.network.lose("a")
    until(lambda: made.engine("b").commands and made.engine("c").commands, "the commands")
    assert [len(made.engine(node).slots) for node in ("b", "c")] == [18, 18]
    made.engine("b").stream(0)
    for node in ("b", "c"):
        made.engine(node).end()
    over(made)


def test_a_worker_that_sends_the_arrivals_of_another_is_lost(made: Site, at_rate: Scenario) -> None:
    gathered(made, "a", "b")
    begin(made, at_rate)
    made.engine("b").stream(0)
    until(lambda: made.notes, "the loss")
    assert "slot" in made.notes[0]
