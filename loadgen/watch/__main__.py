"""The watching process: hears on its first line of input what to watch, and ends with its input.

After a source's first reading, its first failure, and every save it prints a line: all sources as JSON.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from pathlib import Path
from typing import Final

import msgspec

from loadgen.store import StoreError
from loadgen.watch.log import Log
from loadgen.watch.nvidia import Nvidia
from loadgen.watch.prometheus import Prometheus
from loadgen.watch.sources import ReadError, Wanted, Watchable

INTERVAL_S: Final = 1.0
SAVE_INTERVAL_S: Final = 10.0
SAVE_COST: Final = 100  # saving takes one part in so many of the time, at most
END_TIMEOUT_S: Final = 1.0  # for readings that are under way
NICENESS: Final = 10


def sources(wanted: Wanted) -> list[Watchable]:
    """Return what there is to watch; GPUs only where there are some."""
    found: list[Watchable] = []
    if wanted.metrics is not None:
        found.append(Prometheus(wanted.metrics.url, wanted.cell, wanted.headers))
    if wanted.nvidia and (nvidia := Nvidia.of_this_host()) is not None:
        found.append(nvidia)
    return found


class Watch:
    """Reads every source from a thread of its own, at whole intervals of one clock."""

    def __init__(self, wanted: Wanted) -> None:
        self._found = sources(wanted)
        names = wanted.metrics.names if wanted.metrics else ()
        self._log = Log(Path(wanted.file), self._found, names, wanted.secrets)
        self._over = threading.Event()
        self._saying = threading.Lock()

    def run(self) -> None:
        """Watch until the input ends."""
        self._say()
        threads = [
            threading.Thread(target=self._watch, args=each, daemon=True) for each in enumerate(self._found)
        ]
        for thread in threads:
            thread.start()
        threading.Thread(target=self._save_regularly, daemon=True).start()
        while sys.stdin.buffer.read(1 << 16):
            pass
        self._over.set()
        until = time.monotonic() + END_TIMEOUT_S
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._save()

    def _watch(self, place: int, source: Watchable) -> None:
        first, due = True, time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            changed = self._read(place, source)
            if first or changed:
                self._say()
            first = False
            due = max(due + INTERVAL_S, time.monotonic() // INTERVAL_S * INTERVAL_S)

    def _read(self, place: int, source: Watchable) -> bool:
        """Read once; return whether that was the source's first failure."""
        began = time.perf_counter_ns()
        try:
            values = source.read()
        except ReadError as error:
            return self._log.failed(place, str(error))
        self._log.seen(place, began, source.answered, values)
        return False

    def _save_regularly(self) -> None:
        wait = SAVE_INTERVAL_S
        while not self._over.wait(wait):
            began = time.monotonic()
            self._save()
            wait = max(SAVE_INTERVAL_S, SAVE_COST * (time.monotonic() - began))

    def _save(self) -> None:
        with contextlib.suppress(StoreError):  # a full disk; the next one may find room
            self._log.save()
        self._say()

    def _say(self) -> None:
        with self._saying, contextlib.suppress(BrokenPipeError):
            sys.stdout.buffer.write(msgspec.json.encode(self._log.state()) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    os.nice(NICENESS)
    Watch(msgspec.json.decode(sys.stdin.buffer.readline(), type=Wanted)).run()
    os._exit(0)  # a reading that hangs is not waited for
