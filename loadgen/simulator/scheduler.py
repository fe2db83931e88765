"""The queue for decoding slots, and the models in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_NS: Final = 1_000_000_000
KEEP_ALIVE_NS: Final = 300 * _NS
_MAX_LOADED: Final = 3


class Slots:
    """``parallel`` slots (``None``: no limit) with a queue, first come first served."""

    __slots__ = ("_max_queue", "_parallel", "_queue", "busy")

    def __init__(self, parallel: int | None, max_queue: int) -> None:
        self._parallel = parallel
        self._max_queue = max_queue
        self._queue: deque[Callable[[], None]] = deque()
        self.busy = 0

    def take(self, begin: Callable[[], None]) -> bool:
        """Call ``begin`` when a slot is free, now or later; return False when the queue is full."""
        if self._parallel is None or self.busy < self._parallel:
            self.busy += 1
            begin()
        elif len(self._queue) < self._max_queue:
            self._queue.append(begin)
        else:
            return False
        return True

    def leave(self, begin: Callable[[], None]) -> None:
        """Remove ``begin`` from the queue."""
        self._queue.remove(begin)

    def free(self) -> None:
        """Free a slot for the next in the queue."""
        if self._queue:
            self._queue.popleft()()
        else:
            self.busy -= 1


@dataclass(slots=True)
class Loaded:
    """A model in memory, or loading until ``ready``. Monotonic nanoseconds; ``keep_ns`` is ``None`` for ever."""

    ready: int
    users: int = 0
    keep_ns: int | None = KEEP_ALIVE_NS
    idle_since: int = 0

    def expired(self, now: int) -> bool:
        return not self.users and self.keep_ns is not None and now >= self.idle_since + self.keep_ns


class Models:
    """Models in memory. The least recently used is unloaded when a fourth comes, as with Ollama on one GPU."""

    __slots__ = ("_load_ns", "_loaded")

    def __init__(self, load: float) -> None:
        self._load_ns = round(load * _NS)
        self._loaded: dict[str, Loaded] = {}

    def loaded(self, now: int) -> dict[str, Loaded]:
        """Unload what has expired; return what is in memory, by name."""
        for name in [name for name, model in self._loaded.items() if model.expired(now)]:
            del self._loaded[name]
        return self._loaded

    def use(self, name: str, now: int) -> Loaded:
        """Return the model, loaded where it was not, until ``release`` ends the use."""
        loaded = self.loaded(now)
        model = loaded.pop(name, None) or Loaded(now + self._load_ns)
        loaded[name] = model
        if len(loaded) > _MAX_LOADED:
            idle = next((other for other, it in loaded.items() if not it.users and other != name), None)
            if idle is not None:
                del loaded[idle]
        model.users += 1
        return model

    def release(self, model: Loaded, now: int, keep_ns: int | None) -> None:
        """End a use; the model stays in memory for ``keep_ns`` more."""
        model.users -= 1
        model.keep_ns = keep_ns
        model.idle_since = now

    def unload(self, name: str) -> None:
        """Unload the model, but for streams that use it."""
        self._loaded.pop(name, None)


def full_name(model: str) -> str:
    """Return the name with its tag: Ollama takes ``x`` for ``x:latest``."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"
