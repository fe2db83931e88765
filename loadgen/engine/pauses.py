"""Record when the whole engine was paused: garbage collections, and long iterations of asyncio's loop.

Neither needs a wake-up: the collector calls back, and an iteration lasts from one return of the loop's selector to its
next call. Only the kernel knows how long a thread waited for a core; :class:`RunWait` reads it once per stream.
"""

import contextlib
import gc
import math
import os
import selectors
import threading
from collections import deque
from collections.abc import Mapping
from time import perf_counter_ns
from typing import Any

from loadgen.model import Pause

MIN_GC_PAUSE_NS = 500_000
MIN_LOOP_PAUSE_NS = 1_000_000


class PauseWatcher:
    """Collect the pauses of one engine."""

    def __init__(self) -> None:
        self._found: deque[Pause] = deque()
        self._gc_began = 0

    def start(self) -> None:
        """Record garbage collections from now on."""
        gc.callbacks.append(self._on_gc)

    def close(self) -> None:
        """Record no more garbage collections."""
        with contextlib.suppress(ValueError):
            gc.callbacks.remove(self._on_gc)

    def selector(self) -> selectors.BaseSelector:
        """Return a selector for asyncio's loop that records the loop's iterations."""
        return _Selector(self._found)

    def take(self) -> list[Pause]:
        """Return the pauses since the last call."""
        return [self._found.popleft() for _ in range(len(self._found))]

    def _on_gc(self, phase: str, _: Mapping[str, int]) -> None:
        if phase == "start":
            self._gc_began = perf_counter_ns()
        elif (end := perf_counter_ns()) - self._gc_began >= MIN_GC_PAUSE_NS:
            self._found.append(Pause("gc_pause", self._gc_began, end))


class _PortableSelector(selectors.DefaultSelector):
    """The system's own selector, with two clock readings around each wait."""

    def __init__(self, found: deque[Pause]) -> None:
        super().__init__()
        self._found = found
        self._back = perf_counter_ns()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        now = perf_counter_ns()
        if now - self._back >= MIN_LOOP_PAUSE_NS:
            self._found.append(Pause("loop_pause", self._back, now))
        ready = super().select(timeout)
        self._back = perf_counter_ns()
        return ready


if hasattr(selectors, "EpollSelector"):
    from select import EPOLLIN, EPOLLOUT

    class _EpollSelector(_PortableSelector):
        """The standard library's, less its call per ready descriptor: that pays for the two clock readings."""

        _selector: Any
        _fd_to_key: dict[int, selectors.SelectorKey]

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            keys = self._fd_to_key
            if timeout is None:
                timeout = -1
            elif timeout <= 0:
                timeout = 0
            else:  # epoll waits whole milliseconds, and must not return early
                timeout = math.ceil(timeout * 1e3) * 1e-3
            ready = []
            now = perf_counter_ns()
            if now - self._back >= MIN_LOOP_PAUSE_NS:
                self._found.append(Pause("loop_pause", self._back, now))
            try:
                for fd, event in self._selector.poll(timeout, len(keys) or 1):
                    key = keys.get(fd)
                    if key is not None:
                        events = (event & ~EPOLLIN and selectors.EVENT_WRITE) | (
                            event & ~EPOLLOUT and selectors.EVENT_READ
                        )
                        ready.append((key, events & key.events))
            except InterruptedError:
                pass
            self._back = perf_counter_ns()
            return ready

    _Selector: type[_PortableSelector] = _EpollSelector
else:
    _Selector = _PortableSelector


class RunWait:
    """How long the thread that made it was runnable but not running.

    ``None`` where the system does not report it, and on the main thread: no stream has that to itself.
    """

    def __init__(self) -> None:
        self._is_own = threading.get_native_id() != os.getpid()
        self._last = self._read()

    def take(self) -> int | None:
        """Return the nanoseconds since the last call."""
        before, self._last = self._last, self._read()
        return None if before is None or self._last is None else self._last - before

    def _read(self) -> int | None:
        # A descriptor kept by each of thousands of threads would take half of those that the streams need.
        if not self._is_own:
            return None
        try:
            fd = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        except OSError:
            return None
        text = os.read(fd, 64)
        os.close(fd)
        return int(text.split()[1])
