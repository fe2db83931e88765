"""A timer wheel: slots of one millisecond, hashed by their number."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final, Protocol

SLOT_NS: Final = 1_000_000


class Due(Protocol):
    """An item of the wheel."""

    def step(self) -> None:
        """Do what is due; called once."""
        ...


class Timer:
    """Calls a function once."""

    __slots__ = ("_act",)

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act

    def step(self) -> None:
        self._act()


class Wheel:
    """Items by the slot in which they are due, never early. Times are monotonic nanoseconds.

    Slots are found by hashing, and a heap holds the numbers of those that are not empty: an item costs an
    append, and only a slot's first item costs a heap operation.
    """

    __slots__ = ("_order", "_slots")

    def __init__(self) -> None:
        self._slots: dict[int, list[Due]] = {}
        self._order: list[int] = []

    def add(self, due: int, item: Due) -> None:
        """Call ``item.step()`` at ``due`` or within the millisecond after it."""
        number = -(-due // SLOT_NS)
        slot = self._slots.get(number)
        if slot is None:
            self._slots[number] = [item]
            heappush(self._order, number)
        else:
            slot.append(item)

    def turn(self, now: int) -> None:
        """Step every item due by ``now``, once: what they add waits for the next call, even if overdue."""
        order, limit = self._order, now // SLOT_NS
        slots = []
        while order and order[0] <= limit:
            slots.append(self._slots.pop(heappop(order)))
        for slot in slots:
            for item in slot:
                item.step()

    def wait(self, now: int) -> float | None:
        """Return the seconds until the next slot is due; ``None`` when there is none."""
        if not self._order:
            return None
        return max(0, self._order[0] * SLOT_NS - now) / 1e9
