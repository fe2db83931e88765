"""The closed loop as data: the same seeded arrivals for all clients, and those of earlier versions."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from loadgen.loads import LOADS, arrivals
from loadgen.model import FOREVER, Cell, ClientId, Level, Load, Stage
from tests.lab.cells import cell

SECOND = 1_000_000_000
STAGES = Load(stages=(Stage(4, 4.0), Stage(0, 2.0), Stage(4, 0.0), Stage(4, 1.0)))


def ramped(**changes: Any) -> Cell:
    return cell(**{"concurrency": 50, "load": Load(requests=1, ramp=2.0), "seed": 7, **changes})


def dues(of: Cell) -> list[int]:
    return [arrival.due for arrival in arrivals(of)]


def test_one_slot_starts_in_each_share_of_the_ramp() -> None:
    found = dues(ramped())
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
def test_arrivals_are_the_same_for_all_clients(change: dict[str, Any]) -> None:
    assert list(arrivals(ramped(**change))) == list(arrivals(ramped()))


@pytest.mark.parametrize("change", [{"seed": 8}, {"repeat": 1}, {"concurrency": 51}])
def test_another_seed_repeat_or_concurrency_has_its_own(change: dict[str, Any]) -> None:
    assert dues(ramped(**change)) != dues(ramped())


def test_without_a_ramp_all_start_at_once() -> None:
    assert dues(cell(concurrency=3, load=Load(requests=1))) == [0, 0, 0]


def test_a_duration_ends_all_slots_and_requests_count_their_streams() -> None:
    timed = list(arrivals(cell(concurrency=3, load=Load(duration=1.0, ramp=0.9))))
    assert [(each.slot, each.prompt, each.streams, each.until) for each in timed] == [
        (slot, slot, None, SECOND) for slot in range(3)
    ]
    counted = list(arrivals(cell(concurrency=3, load=Load(requests=4, ramp=0.9))))
    assert counted == [each._replace(streams=4, until=FOREVER) for each in timed]
    assert len(dues(cell(concurrency=40, load=Load(duration=1.0, ramp=2.0)))) == 20


def test_a_load_for_commands_has_no_arrivals() -> None:
    assert dues(cell(load=Load())) == []


@pytest.mark.parametrize("load", [Load(requests=1, ramp=2.0), Load(duration=5.0, ramp=2.0), STAGES])
def test_the_shares_of_the_workers_make_up_the_whole(load: Load) -> None:
    shares = [arrivals(cell(concurrency=4, load=load, slots=tuple(range(at, 4, 3)))) for at in range(3)]
    whole = list(arrivals(cell(concurrency=4, load=load)))
    assert sorted(each for share in shares for each in share) == sorted(whole)


@pytest.mark.parametrize("name", sorted(LOADS.keys() - {"trace"}))
def test_arrivals_come_in_the_order_of_their_due_times(name: str) -> None:
    load = STAGES if name == "stages" else Load(arrivals=name, duration=5.0)
    assert load.kind == name
    found = dues(cell(level=Level(rate=20.0) if load.is_open else Level(streams=4), load=load))
    assert found == sorted(found)


# Runs recorded by version 0.1 are compared with new ones: the schedule of a seed must never change.
PINNED = [
    (
        {"concurrency": 5, "load": Load(duration=2.0, ramp=1.0), "seed": 7},
        "d2ac71e212e39000",
        [(slot, due, 2 * SECOND) for slot, due in enumerate((28813532, 383269492, 492076682, 751088318))],
    ),
    (
        {"concurrency": 4, "load": Load(requests=3, ramp=0.5), "seed": 1, "repeat": 2},
        "1a406a12cdd8048f",
        [(slot, due, None) for slot, due in enumerate((121167760, 183274523, 300800319, 449600915))],
    ),
    (
        {"concurrency": 1000, "load": Load(duration=10.0, ramp=2.0), "seed": 42},
        "5e8164283af23294",
        [(slot, due, 10 * SECOND) for slot, due in enumerate((338679, 2610792, 5224117, 7847084))],
    ),
    (
        {"concurrency": 6, "load": Load(duration=1.0, ramp=2.0), "seed": 3},
        "8c059aa1c8744741",
        [(slot, due, SECOND) for slot, due in enumerate((206002161, 581930933, 838105345))],
    ),
    (
        {"concurrency": 4, "load": STAGES},
        "2fd7953a4a0b4a7c",
        [
            (slot, (slot + 1) * SECOND, end)
            for slot, end in enumerate((6_000_000_000, 5_500_000_000, 5_000_000_000, 4_500_000_000))
        ],
    ),
]


@pytest.mark.parametrize(("changes", "digest", "first"), PINNED)
def test_the_schedule_of_earlier_versions_stands(
    changes: dict[str, Any], digest: str, first: list[tuple[int, int, int | None]]
) -> None:
    ends = {FOREVER: None}  # as it was written then
    found = [(each.slot, each.due, ends.get(each.until, each.until)) for each in arrivals(cell(**changes))]
    assert found[:4] == first
    assert sha256(repr(found).encode()).hexdigest()[:16] == digest
