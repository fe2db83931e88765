"""What is kept of values that can be made again, where there is not room for all."""

from __future__ import annotations

import numpy as np
import pytest

from loadgen.model import kept

SIZE = 1000


class Desk:
    """A shelf with room for three values, and a clock that only making a value moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.made: list[str] = []
        monkeypatch.setattr(kept, "BUDGET_BYTES", 3 * SIZE)
        monkeypatch.setattr(kept, "MAX_BYTES", 2 * SIZE)
        monkeypatch.setattr(kept, "_ROOM", kept._Room())
        monkeypatch.setattr(kept, "perf_counter", lambda: self.now)
        self.shelf = kept.Shelf()

    def get(self, name: str, seconds: float = 1.0, size: int = SIZE) -> None:
        def make() -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
            self.now += seconds
            self.made.append(name)
            return np.zeros(size, dtype=np.uint8)

        self.shelf.get(name, make)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch)


def test_what_is_made_in_no_time_goes_first(desk: Desk) -> None:
    for name, seconds in (
        ("slow", 9.0),
        ("quick", 0.1),
        ("other", 1.0),
        ("last", 1.0),
        ("slow", 9.0),
        ("quick", 0.1),
    ):
        desk.get(name, seconds)
    assert desk.made == ["slow", "quick", "other", "last", "quick"]


def test_of_equal_ones_that_goes_which_was_used_longest_ago(desk: Desk) -> None:
    for name in "abc":
        desk.get(name)
    desk.get("d")
    for name in "bcb":
        desk.get(name)
    desk.get("e")
    desk.get("b")
    assert desk.made == [*"abcde"]


def test_what_nobody_uses_goes_in_the_end_however_long_it_took(desk: Desk) -> None:
    desk.get("slow", 5.0)
    for number in range(40):
        desk.get(f"{number}")
    desk.get("slow", 5.0)
    assert desk.made.count("slow") == 2


@pytest.mark.parametrize("size", [0, 2 * SIZE + 1])
def test_what_takes_no_room_stays_and_what_is_too_large_does_not(desk: Desk, size: int) -> None:
    desk.get("it", size=size)
    for name in "abcdef":
        desk.get(name)
    desk.get("it", size=size)
    assert desk.made.count("it") == (1 if not size else 2)
