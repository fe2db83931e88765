"""Call back at a mark of ``perf_counter_ns``, more exactly than an event loop, whose timers round to milliseconds.

Linux has timers that are waited for like a socket; elsewhere the loop's own have to do.
"""

import asyncio
import ctypes
import os
from collections.abc import Callable
from time import perf_counter_ns

_MONOTONIC, _ABSOLUTE = 1, 1  # CLOCK_MONOTONIC, which perf_counter_ns reads, and TFD_TIMER_ABSTIME
_Spec = ctypes.c_int64 * 4  # interval and time, each seconds and nanoseconds


class Alarm:
    """One call at a time: :meth:`set` replaces the one before."""

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
        self._loop, self._call = loop, call
        self._later: asyncio.TimerHandle | None = None
        self._fd = -1
        libc = ctypes.CDLL(None)
        if hasattr(libc, "timerfd_create") and ctypes.sizeof(ctypes.c_void_p) == 8:
            self._settime = libc.timerfd_settime
            self._fd = libc.timerfd_create(_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd >= 0:
            loop.add_reader(self._fd, self._rings)

    def set(self, at: int) -> None:
        """Call at the mark ``at``, or at once where that is over."""
        if self._fd < 0:
            if self._later is not None:
                self._later.cancel()
            self._later = self._loop.call_later(max(0, at - perf_counter_ns()) / 1e9, self._call)
            return
        seconds, ns = divmod(max(1, at), 10**9)  # a time of 0 would switch it off
        self._settime(self._fd, _ABSOLUTE, _Spec(0, 0, seconds, ns), None)

    def _rings(self) -> None:
        os.read(self._fd, 8)
        self._call()

    def close(self) -> None:
        """Call no more."""
        if self._later is not None:
            self._later.cancel()
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
