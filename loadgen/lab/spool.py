"""Keep what one engine reports: in memory up to a bound, saved every few seconds, so that a crash loses seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Final, NamedTuple

from loadgen import store
from loadgen.model import CpuSample, Pause, Recording, RecordingInfo, Sample, Stream

SAVE_INTERVAL_S: Final = 3.0
MAX_FILE_BYTES: Final = 16 << 20  # of the columns of one file; what comes later goes to the next

# Saves a recording as it stands: the whole, or the latest of its files.
Keep = Callable[[Recording], None]


class Rows(NamedTuple):
    """Rows of the tables of a recording."""

    streams: list[Stream]
    samples: list[Sample]
    pauses: list[Pause]
    cpu_samples: list[CpuSample]


class Spool:
    """The rows of one recording. Without ``keep`` all of them stay in memory until :meth:`recording`."""

    def __init__(self, keep: Keep | None = None) -> None:
        self._keep = keep
        self._tables = [store.tables_of()]
        self._bytes = 0
        self._number = 0  # of the file that is written now
        self._saved_at = time.monotonic()
        self._writer = ThreadPoolExecutor(1)  # a slow disk must not stop the sampling
        self._saving: Future[None] | None = None

    def add(self, rows: Rows, info: Callable[[], RecordingInfo]) -> None:
        """Add rows, and save where that is due; ``info`` returns the recording as of now. Raises StoreError."""
        if any(rows):
            tables = store.tables_of(*rows)
            self._tables.append(tables)
            self._bytes += store.size(tables)
        if self._keep is None:
            return
        full, now = self._bytes > MAX_FILE_BYTES, time.monotonic()
        if full or (now > self._saved_at + SAVE_INTERVAL_S and (self._saving is None or self._saving.done())):
            self._wait()
            part = replace(info(), number=self._number)
            self._saving = self._writer.submit(self._save, self._keep, self._tables, part)
            self._saved_at = now
            # A list of its own: the one before is being saved.
            self._tables = [store.tables_of()] if full else list(self._tables)
            if full:
                self._number, self._bytes = self._number + 1, 0

    def _save(self, keep: Keep, tables: list[store.Tables], info: RecordingInfo) -> None:
        keep(store.recording(info, store.joined(tables)))

    def _wait(self) -> None:
        """Wait for the file that is being saved. Raises StoreError, also when called again."""
        if self._saving is not None:
            self._saving.result()

    def recording(self, info: RecordingInfo) -> Recording:
        """Return the recording with the rows that are in no finished file; save nothing more. Raises StoreError."""
        self._wait()
        self._keep = None
        return store.recording(replace(info, number=self._number), store.joined(self._tables))
