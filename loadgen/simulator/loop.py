"""The event loop: one thread, one poller, one wheel."""

from __future__ import annotations

import gc
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from loadgen.simulator.poller import READ, make_poller
from loadgen.simulator.wheel import Wheel

# A burst of new connections must not hold up the streams: so many events between two turns of the wheel.
MAX_EVENTS: Final = 16
MAX_WAIT_S: Final = 60.0
_TIGHT_NS: Final = 5_000


class Loop:
    """Calls handlers of ready descriptors, and the wheel's items when they are due.

    ``epoch`` turns monotonic nanoseconds into nanoseconds since the epoch. ``on_unwatch`` is called when a
    descriptor is about to be closed.
    """

    def __init__(self) -> None:
        self.wheel = Wheel()
        self.epoch = time.time_ns() - time.monotonic_ns()
        self.on_unwatch: Callable[[], None] = lambda: None
        self._tie_clocks()
        self._running = True
        self._poller = make_poller()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self.watch(self._woken.fileno(), lambda _: None)

    def watch(self, fd: int, handler: Callable[[int], None], events: int = READ) -> None:
        """Call ``handler(events)`` when ``fd`` is ready. Raises PermissionError for a plain file."""
        self._poller.watch(fd, events)
        self._handlers[fd] = handler

    def rewatch(self, fd: int, events: int) -> None:
        """Change the events that ``fd`` is watched for."""
        self._poller.watch(fd, events)

    def unwatch(self, fd: int) -> None:
        """Forget ``fd``, before it is closed."""
        del self._handlers[fd]
        self._poller.unwatch(fd)
        self.on_unwatch()

    def handlers(self) -> list[Callable[[int], None]]:
        """Return the handlers of all watched descriptors."""
        return list(self._handlers.values())

    def stop(self) -> None:
        """Make ``run`` return; may be called from a signal handler."""
        self._running = False
        with suppress(OSError):
            self._waker.send(b"!")

    def run(self, each_turn: Callable[[], None]) -> None:
        """Serve until ``stop``; ``each_turn`` is called after every turn of the wheel."""
        poller, wheel, handlers = self._poller, self.wheel, self._handlers
        # The collector would pause all streams to look through every open one. What streams leave behind has
        # no cycles: a stream and its connection let go of each other.
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            while self._running:
                wheel.turn(self._tie_clocks())
                each_turn()
                wait = wheel.wait(time.monotonic_ns())
                for fd, events in poller.wait(None if wait is None else min(wait, MAX_WAIT_S), MAX_EVENTS):
                    handler = handlers.get(fd)
                    if handler is not None:
                        handler(events)
        finally:
            gc.enable()

    def close(self) -> None:
        """Let go of the loop's own descriptors."""
        self._waker.close()
        self._woken.close()
        self._poller.close()

    def _tie_clocks(self) -> int:
        """Follow the wall clock where it is slewed or set; return the monotonic time."""
        before, epoch, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        # Whoever was interrupted between two clocks knows nothing of their difference.
        if after - before < _TIGHT_NS:
            self.epoch = epoch - before
        return after
