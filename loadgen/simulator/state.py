"""What all streams of one simulator share: its decoding slots, the models in memory, the plan and the log."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from loadgen.model import Simulator
from loadgen.simulator.cache import PrefixCache
from loadgen.simulator.http import HttpError
from loadgen.simulator.log import Log
from loadgen.simulator.loop import Loop
from loadgen.simulator.plan import Planner

_NS: Final = 1_000_000_000
KEEP_ALIVE_NS: Final = 300 * _NS
_MAX_LOADED: Final = 3


class Slots:
    """``parallel`` slots (``None``: no limit) with a queue without end, first come first served."""

    __slots__ = ("_parallel", "_queue", "busy")

    def __init__(self, parallel: int | None) -> None:
        self._parallel = parallel
        self._queue: deque[Callable[[], None]] = deque()
        self.busy = 0

    def take(self, begin: Callable[[], None]) -> None:
        """Call ``begin`` when a slot is free, now or later."""
        if self._parallel is None or self.busy < self._parallel:
            self.busy += 1
            begin()
        else:
            self._queue.append(begin)

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

    def release(self, now: int, keep_ns: int | None) -> None:
        """End a use; the model stays in memory for ``keep_ns`` more."""
        self.users -= 1
        self.keep_ns, self.idle_since = keep_ns, now


class Models:
    """Models in memory. The least recently used is unloaded when a fourth comes, as with Ollama on one GPU."""

    __slots__ = ("_load_ns", "_loaded")

    def __init__(self, load: float) -> None:
        self._load_ns = round(load * _NS)
        self._loaded: dict[str, Loaded] = {}

    def loaded(self, now: int) -> dict[str, Loaded]:
        """Unload what has expired; return what is in memory, by name."""
        self._loaded = {
            name: model
            for name, model in self._loaded.items()
            if model.users or model.keep_ns is None or now < model.idle_since + model.keep_ns
        }
        return self._loaded

    def use(self, name: str, now: int) -> Loaded:
        """Return the model, loaded where it was not, until its ``release`` ends the use."""
        loaded = self.loaded(now)
        model = loaded.pop(name, None) or Loaded(now + self._load_ns)
        if len(loaded) >= _MAX_LOADED:
            idle = next((other for other, it in loaded.items() if not it.users), "")
            loaded.pop(idle, None)
        loaded[name] = model
        model.users += 1
        return model

    def unload(self, name: str) -> None:
        """Unload the model, but for streams that use it."""
        self._loaded.pop(name, None)


class State:
    """The scenario's ``spec``, and what follows from it."""

    def __init__(self, spec: Simulator, loop: Loop) -> None:
        self.spec = spec
        self.loop = loop
        self.planner = Planner(spec)
        self.slots = Slots(spec.parallel)
        self.models = Models(spec.load)
        self.cache = PrefixCache() if spec.cache else None
        self.log = Log()

    def check_model(self, model: str) -> None:
        """Raise HttpError for a model that the scenario does not know."""
        known = self.spec.models
        if known and full_name(model) not in map(full_name, known):
            raise HttpError(404, f"model '{model}' not found")

    def reset(self) -> None:
        """Begin a new log; the next inference request is the first again. Open streams keep the old one."""
        self.log = Log()
        gc.collect()


def full_name(model: str) -> str:
    """Return the name with its tag: Ollama takes ``x`` for ``x:latest``."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"
