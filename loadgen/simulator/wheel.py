"""A timer wheel: slots of one millisecond, hashed by their number."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

SLOT_NS: Final = 1_000_000


class Wheel:
    """Acts by the slot in which they are due, never early. Times are monotonic nanoseconds.

    Slots are found by hashing, and a heap holds the numbers of those that are not empty: an act costs an
    append, and only a slot's first act costs a heap operation.
    """

    __slots__ = ("_order", "_slots")

    def __init__(self) -> None:
        self._slots: dict[int, list[Callable[[], None]]] = {}
        self._order: list[int] = []

    def add(self, due: int, act: Callable[[], None]) -> None:
        """Call ``act()`` once, at ``due`` or within the millisecond after it."""
        number = -(-due // SLOT_NS)
        slot = self._slots.get(number)
        if slot is None:
            self._slots[number] = [act]
            heappush(self._order, number)
        else:
            slot.append(act)

    def turn(self, now: int) -> None:
        """Do everything due by ``now``, once: what that adds waits for the next call, even if overdue."""
        order, limit = self._order, now // SLOT_NS
        slots = []
        while order and order[0] <= limit:
            slots.append(self._slots.pop(heappop(order)))
        for slot in slots:
            for act in slot:
                act()

    def wait(self, now: int) -> float | None:
        """Return the seconds until the next slot is due; ``None`` when there is none."""
        return max(0, self._order[0] * SLOT_NS - now) / 1e9 if self._order else None
