"""The times in which the whole engine was held up: collections of the garbage collector, and turns of asyncio's loop.

Neither costs a wake-up: the collector calls back, and a loop's turn lasts from one return of its selector to the
next call. How long a thread waited for a core is the kernel's to tell; :class:`Wait` asks it once per stream.
"""

from __future__ import annotations

import contextlib
import gc
import math
import os
import selectors
from collections import deque
from collections.abc import Callable, Mapping
from select import EPOLLIN, EPOLLOUT
from time import perf_counter_ns
from typing import Any

from loadgen.model import Pause

COLLECTION = 500_000  # ns: shorter collections are not told
TURN = 1_000_000  # ns: nor shorter turns of the loop


class PauseWatcher:
    """Those of one engine."""

    def __init__(self) -> None:
        self._found: deque[Pause] = deque()
        self._collected = _collections(self._found)

    def start(self) -> None:
        """Hear of collections from now on."""
        gc.callbacks.append(self._collected)

    def close(self) -> None:
        """Hear of no more."""
        with contextlib.suppress(ValueError):
            gc.callbacks.remove(self._collected)

    def selector(self) -> selectors.BaseSelector:
        """For asyncio's loop, whose turns it tells; where there is no epoll, one that tells nothing."""
        return _Selector(self._found) if hasattr(selectors, "EpollSelector") else selectors.DefaultSelector()

    def take(self) -> list[Pause]:
        """Those since the last call."""
        return [self._found.popleft() for _ in range(len(self._found))]


def _collections(found: deque[Pause]) -> Callable[[str, Mapping[str, int]], None]:
    begin = 0

    def collected(phase: str, _: Mapping[str, int]) -> None:
        nonlocal begin
        if phase == "start":
            begin = perf_counter_ns()
        elif (end := perf_counter_ns()) - begin >= COLLECTION:
            found.append(Pause("gc", begin, end))

    return collected


if hasattr(selectors, "EpollSelector"):

    class _Selector(selectors.EpollSelector):
        """The standard library's, less its call per ready descriptor: that pays for the two clock readings."""

        _selector: Any
        _fd_to_key: dict[int, selectors.SelectorKey]

        def __init__(self, found: deque[Pause]) -> None:
            super().__init__()
            self._found = found
            self._back = perf_counter_ns()

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
            if now - self._back >= TURN:
                self._found.append(Pause("loop", self._back, now))
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


class Wait:
    """How long the thread that made it was runnable but not running; None where the system does not tell."""

    def __init__(self) -> None:
        self._told = _waited()

    def since(self) -> int | None:
        """Nanoseconds since the last call."""
        before, self._told = self._told, _waited()
        return None if before is None or self._told is None else self._told - before


def _waited() -> int | None:
    # A descriptor kept by each of thousands of threads would take half of those that the streams need.
    try:
        fd = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    except OSError:
        return None
    told = os.read(fd, 64)
    os.close(fd)
    return int(told.split()[1])
