"""Values that can be made again, kept while there is room for them: the ones used last, of all shelves together."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, Final, TypeVar
from weakref import ReferenceType, ref

BUDGET_BYTES: Final = 256 << 20
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
            value = make()
            if (size := _size(value)) <= MAX_BYTES:
                self._values[name] = value
                _ROOM.enter(self, name, size)
        else:
            _ROOM.used(self, name)
        return value

    def drop(self, name: str) -> None:
        """Forget the value of that name."""
        self._values.pop(name, None)


class _Room:
    """What is kept on all shelves, in the order of its last use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, str], tuple[ReferenceType[Shelf], int]] = OrderedDict()
        self._bytes = 0

    def used(self, shelf: Shelf, name: str) -> None:
        """Put a value behind those that go first."""
        with self._lock:
            if (key := (id(shelf), name)) in self._kept:
                self._kept.move_to_end(key)

    def enter(self, shelf: Shelf, name: str, size: int) -> None:
        """Enter a value as the one used last, and drop those used longest ago until all have room."""
        with self._lock:
            key, owner = (id(shelf), name), ref(shelf)
            self._bytes += size - self._kept.pop(key, (owner, 0))[1]
            self._kept[key] = owner, size
            while self._bytes > BUDGET_BYTES:
                (_, oldest), (owner, freed) = self._kept.popitem(last=False)
                self._bytes -= freed
                if (of := owner()) is not None:
                    of.drop(oldest)


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
