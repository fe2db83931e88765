"""Which models are in memory, and which requests wait for one: as Ollama's scheduler decides (docs/adr/0033)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic_ns
from typing import Final

from loadgen.model import Simulator
from loadgen.simulator.cache import PrefixCache
from loadgen.simulator.wheel import Wheel

_NS: Final = 1_000_000_000
KEEP_ALIVE_NS: Final = 300 * _NS
FOREVER_NS: Final = 100 * 365 * 86_400 * _NS


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


@dataclass(slots=True, eq=False)
class Loaded:
    """A model in memory since ``ready``, with slots of its own; it took ``load_ns`` to load. Monotonic nanoseconds."""

    name: str
    ready: int
    load_ns: int
    slots: Slots
    cache: PrefixCache | None
    keep_ns: int = KEEP_ALIVE_NS
    users: int = 0
    idle_since: int = 0
    timer: int = FOREVER_NS

    @property
    def expires(self) -> int:
        """Return when it leaves the memory, if nobody uses it until then."""
        return self.idle_since + self.keep_ns


@dataclass(slots=True, eq=False)
class Use:
    """A request's use of a model: ``begin`` is called once it has it. ``keep_ns``: for how long it asks to keep it."""

    name: str
    keep_ns: int | None
    begin: Callable[[Loaded], None]
    model: Loaded | None = None
    over: bool = False


class Scheduler:
    """Models in memory, and the queue for those that are not: it has an end, and is served one request at a time.

    Whoever asks for a model in memory has it at once, past the queue.
    """

    __slots__ = ("_clock", "_current", "_is_loading", "_pending", "_spec", "_wheel", "loaded")

    def __init__(self, spec: Simulator, wheel: Wheel, clock: Callable[[], int] = monotonic_ns) -> None:
        self._spec, self._wheel, self._clock = spec, wheel, clock
        self._pending: deque[Use] = deque()
        self._current: Use | None = (
            None  # the one that is served: its model loads, or waits for room in memory
        )
        self._is_loading = False
        self.loaded: dict[str, Loaded] = {}

    def ask(self, use: Use) -> bool:
        """Give the model, now or when its turn has come; return ``False`` where the queue is full."""
        if model := self.loaded.get(use.name):
            self._give(use, model)
        elif self._current is not None and len(self._pending) >= self._spec.max_queue:
            return False
        else:
            self._pending.append(use)
            if self._current is None:
                self._serve()
        return True

    def leave(self, use: Use) -> None:
        """End a use. One that waits keeps its place until its turn; the load that it has begun is given up."""
        use.over = True
        if (model := use.model) is not None:
            model.users -= 1
            if not model.users:
                model.idle_since = self._clock()
                self._expire(model)
        elif use is self._current and self._is_loading:
            self._current, self._is_loading = None, False
            self._serve()

    def unload(self, name: str) -> None:
        """Take a model out of memory, as soon as nobody uses it."""
        if model := self.loaded.get(name):
            model.keep_ns = 0
            if not model.users:
                self._drop(model)

    def _give(self, use: Use, model: Loaded) -> None:
        model.users += 1
        if use.keep_ns is not None:
            model.keep_ns = use.keep_ns
        use.model = model
        use.begin(model)

    def _serve(self) -> None:
        """Serve the queue, up to a request that has to wait."""
        while not self._is_loading and (self._current or self._pending):
            use = self._current or self._pending.popleft()
            self._current = None
            if use.over:
                continue
            if model := self.loaded.get(use.name):
                self._give(use, model)
            elif len(self.loaded) < self._spec.max_models:
                self._load(use)
            else:
                self._current = use
                models = self.loaded.values()
                victim = min(models, key=lambda model: (model.users > 0, model.keep_ns, model.name))
                victim.keep_ns = 0
                if victim.users:
                    return
                del self.loaded[victim.name]

    def _load(self, use: Use) -> None:
        load_ns = round(self._spec.load * _NS)
        ready = self._clock() + load_ns
        self._current, self._is_loading = use, True
        if load_ns:
            self._wheel.add(ready, partial(self._complete, use, ready, load_ns))
        else:
            self._complete(use, ready, load_ns)

    def _complete(self, use: Use, ready: int, load_ns: int) -> None:
        if use is not self._current or not self._is_loading:
            return  # the load was given up
        self._current, self._is_loading = None, False
        spec = self._spec
        model = Loaded(use.name, ready, load_ns, Slots(spec.parallel), PrefixCache() if spec.cache else None)
        self.loaded[use.name] = model
        self._give(use, model)
        self._serve()

    def _expire(self, model: Loaded) -> None:
        """Unload a model that nobody uses when its time is over: now, or by a timer."""
        if model.expires <= self._clock():
            self._drop(model)
        elif model.expires < model.timer:
            model.timer = model.expires
            self._wheel.add(model.timer, partial(self._tick, model))

    def _tick(self, model: Loaded) -> None:
        model.timer = FOREVER_NS
        if self.loaded.get(model.name) is model and not model.users:
            self._expire(model)

    def _drop(self, model: Loaded) -> None:
        del self.loaded[model.name]
        self._serve()
