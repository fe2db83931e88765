"""Ctrl-C and SIGTERM: the first ends the run in order, the second at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


class Interrupts:
    """Whether the user has interrupted the run. The next call after an interrupt calls ``note``."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._count = self._noted = 0

    def __call__(self) -> bool:
        # Not from the handler: it may run in the middle of another line that is being printed.
        if self._noted < self._count:
            self._noted = self._count
            self._note("interrupted: ending this cell, keeping what was measured; once more ends at once")
        return self._count > 0

    def handle(self, _: int, __: FrameType | None) -> None:
        """Count a signal; raise KeyboardInterrupt at the second."""
        self._count += 1
        if self._count > 1:
            raise KeyboardInterrupt


@contextlib.contextmanager
def interruptible(note: Callable[[str], None]) -> Iterator[Interrupts]:
    """Handle SIGINT and SIGTERM while the block runs; in another than the main thread, leave them alone."""
    interrupts = Interrupts(note)
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {number: signal.signal(number, interrupts.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
