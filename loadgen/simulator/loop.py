"""The event loop: one thread, one selector, one wheel, and the clocks that it keeps together."""

from __future__ import annotations

import gc
import select
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from loadgen.simulator.wheel import Wheel

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE
# A burst of new connections must not hold up the streams: so many events between two turns of the wheel.
MAX_EVENTS: Final = 16
_MAX_WAIT_S: Final = 60.0
_TIGHT_NS: Final = 5_000
_NS: Final = 1_000_000_000


class Loop:
    """Calls handlers of ready descriptors, and the wheel's acts when they are due.

    ``epoch`` turns monotonic nanoseconds into nanoseconds since the epoch. ``second`` is ``2026-01-31T12:00:00.``
    for the second that begins at ``base`` (nanoseconds since the epoch): a stamp formats its nanoseconds only.
    """

    def __init__(self) -> None:
        self.wheel = Wheel()
        self.epoch = time.time_ns() - time.monotonic_ns()
        self._tie_clocks()
        self.set_second(time.time_ns())
        self._running = True
        self._selector = selectors.DefaultSelector()
        self._waits_on: int | None = self._selector.fileno() if hasattr(self._selector, "fileno") else None
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self.watch(self._woken.fileno(), lambda _: None)

    def watch(self, fd: int, handler: Callable[[int], None], events: int = READ) -> None:
        """Call ``handler(events)`` when ``fd`` is ready for ``events``: READ, WRITE, both, or 0 for none.

        An error and a hang-up count as ready. Raises PermissionError for a plain file. Watch a descriptor for
        nothing before it is closed.
        """
        known = fd in self._selector.get_map()
        if known and events:
            self._selector.modify(fd, events, handler)
        elif events:
            self._selector.register(fd, events, handler)
        elif known:
            self._selector.unregister(fd)

    def set_second(self, epoch_ns: int) -> None:
        """Keep the formatted second of ``epoch_ns``."""
        seconds = epoch_ns // _NS
        self.base = seconds * _NS
        self.second = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(seconds)).encode()

    def stamp(self) -> tuple[int, bytes]:
        """Return the time in nanoseconds since the epoch, and as Ollama writes it: RFC 3339, nine digits and ``Z``."""
        now = time.time_ns()
        if not 0 <= now - self.base < _NS:
            self.set_second(now)
        return now, b"%b%09dZ" % (self.second, now - self.base)

    def once(self) -> None:
        """Do what is due, then wait for the next event and handle it."""
        self.turn()
        for number, (key, events) in enumerate(self._wait(), 1):
            key.data(events)
            if not number % MAX_EVENTS:
                self.turn()

    def turn(self) -> None:
        """Do what is due; a handler of a descriptor that takes long calls this, an act of the wheel never."""
        self.wheel.turn(self._tie_clocks())

    def stop(self) -> None:
        """Make ``run`` return; may be called from a signal handler."""
        self._running = False
        with suppress(OSError):
            self._waker.send(b"!")

    def run(self) -> None:
        """Serve until ``stop``, then close the loop."""
        # The collector would pause all streams to look through every open one. What streams leave behind has
        # no cycles: a stream and its connection let go of each other.
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            while self._running:
                self.once()
        finally:
            gc.enable()
            self._waker.close()
            self._woken.close()
            self._selector.close()

    def _wait(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for a ready descriptor or the wheel's next slot."""
        wait = self.wheel.wait(time.monotonic_ns())
        seconds = _MAX_WAIT_S if wait is None else min(wait, _MAX_WAIT_S)
        if seconds and self._waits_on is not None:
            # In microseconds, where epoll itself rounds up to whole milliseconds.
            if not select.select([self._waits_on], (), (), seconds)[0]:
                return []
            seconds = 0
        return self._selector.select(seconds)

    def _tie_clocks(self) -> int:
        """Follow the wall clock where it is slewed or set; return the monotonic time."""
        before, epoch, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        # Whoever was interrupted between two clocks knows nothing of their difference.
        if after - before < _TIGHT_NS:
            self.epoch = epoch - before
        return after
