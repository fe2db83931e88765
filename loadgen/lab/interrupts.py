"""Ctrl-C and SIGTERM: the first ends the run in order, the second at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def interruptible(note: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Handle SIGINT and SIGTERM while the block runs; in another than the main thread, leave them alone.

    Yield a function that returns whether the user has interrupted the run; it calls ``note`` after the first signal.
    """
    received = noted = False

    def interrupted() -> bool:
        # Not from the handler: it may run in the middle of another line that is being printed.
        nonlocal noted
        if received and not noted:
            noted = True
            note("interrupted: ending this cell, keeping what was measured; once more ends at once")
        return received

    def handle(_: int, __: FrameType | None) -> None:
        nonlocal received
        if received:
            raise KeyboardInterrupt
        received = True

    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
