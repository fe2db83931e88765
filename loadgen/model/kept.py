"""Values that can be made again, kept while there is room for them, of all shelves together.

Where there is none, those go first that are made again in the least time for their size, and that nobody has used for
a while (GreedyDual-Size, Cao & Irani 1997).
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from time import perf_counter
from typing import Any, Final, TypeVar
from weakref import ReferenceType, ref

BUDGET_BYTES: Final = 112 << 20
MAX_BYTES: Final = BUDGET_BYTES * 2 // 3  # of one value; a larger one is made each time

Value = TypeVar("Value")


class Shelf:
    """The values of one owner, by name. They go when it goes, or when others need the room."""

    __slots__ = ("__weakref__", "_values")

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def get(self, name: str, make: Callable[[], Value]) -> Value:
        """Return the value of that name; make it where it is not kept."""
        try:
            value: Value = self._values[name]
        except KeyError:
            begin = perf_counter()
            value = make()
            if (size := _size(value)) <= MAX_BYTES:
                self._values[name] = value
                if size:
                    _ROOM.enter(self, name, size, perf_counter() - begin)
        else:
            _ROOM.used(self, name)
        return value

    def drop(self, name: str) -> None:
        """Forget the value of that name."""
        self._values.pop(name, None)


@dataclass(slots=True)
class _Kept:
    """A value that takes room: the least ``rank`` goes first."""

    owner: ReferenceType[Shelf]
    size: int
    worth: float  # seconds per byte
    rank: float


class _Room:
    """What is kept on all shelves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[int, str], _Kept] = {}
        self._queue: list[tuple[float, tuple[int, str]]] = []  # ranks are those of before the last use
        self._bytes = 0
        self._age = 0.0  # the rank of what went last

    def used(self, shelf: Shelf, name: str) -> None:
        """Put a value behind those that are worth as much, and were used before it."""
        with self._lock:
            if (of := self._kept.get((id(shelf), name))) is not None:
                of.rank = self._age + of.worth

    def enter(self, shelf: Shelf, name: str, size: int, seconds: float) -> None:
        """Enter a value that took so long to make, and drop others until all have room."""
        with self._lock:
            key, worth = (id(shelf), name), seconds / size
            if (before := self._kept.get(key)) is not None:
                self._bytes -= before.size
            self._bytes += size
            self._kept[key] = made = _Kept(ref(shelf), size, worth, self._age + worth)
            heapq.heappush(self._queue, (made.rank, key))
            while self._bytes > BUDGET_BYTES:
                rank, key = heapq.heappop(self._queue)
                if (of := self._kept.get(key)) is None:
                    continue
                if of.rank > rank:
                    heapq.heappush(self._queue, (of.rank, key))
                    continue
                del self._kept[key]
                self._bytes -= of.size
                self._age = rank
                if (owner := of.owner()) is not None:
                    owner.drop(key[1])


_ROOM: Final = _Room()


def _size(value: Any) -> int:
    """Return the bytes of an array, or of those in a record; one value that stands for a whole column takes none."""
    if is_dataclass(value):
        return sum(_size(_set(value, field.name)) for field in fields(value))
    return int(value.nbytes) if hasattr(value, "nbytes") and any(value.strides) else 0


def _set(record: Any, name: str) -> Any:
    """Return what the field is set to; ``None`` for a column that would have to be read from disk."""
    try:
        return object.__getattribute__(record, name)
    except AttributeError:
        return None
