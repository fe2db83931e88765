"""Keep what one engine reports: in memory up to a bound, saved every few seconds, so that a crash loses seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Final, NamedTuple

from loadgen import store
from loadgen.model import CpuSample, Pause, Recording, RecordingInfo, Sample, Stream

SAVE_INTERVAL_S: Final = 3.0
BATCH: Final = 250  # streams that become columns at once: that costs most where they are few
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
        self._rows = Rows([], [], [], [])  # that are in no table yet
        self._number = 0  # of the file that is written now
        self._saved_at = time.monotonic()
        self._writer = ThreadPoolExecutor(1)  # a slow disk must not stop the sampling
        self._saving: Future[store.Tables] | None = None
        self._unjoined = 0  # how many tables the file that is being saved was made of, and goes on with

    def add(self, rows: Rows, info: Callable[[], RecordingInfo]) -> None:
        """Add rows, and save where that is due; ``info`` returns the recording as of now. Raises StoreError."""
        self._rows.streams.extend(rows.streams)
        self._rows.samples.extend(rows.samples)
        self._rows.pauses.extend(rows.pauses)
        self._rows.cpu_samples.extend(rows.cpu_samples)
        now = time.monotonic()
        late = now > self._saved_at + SAVE_INTERVAL_S
        if late or len(self._rows.streams) >= BATCH:
            self._to_tables()
        if self._keep is None:
            return
        full = self._bytes > MAX_FILE_BYTES
        if full or (late and (self._saving is None or self._saving.done())):
            self._wait()
            part = replace(info(), number=self._number)
            self._saving = self._writer.submit(_save, self._keep, [*self._tables], part)
            self._saved_at, self._unjoined = now, len(self._tables)
            if full:
                self._tables, self._bytes, self._unjoined = [store.tables_of()], 0, 0
                self._number += 1

    def _to_tables(self) -> None:
        if any(self._rows):
            tables = store.tables_of(*self._rows)
            self._tables.append(tables)
            self._bytes += store.size(tables)
            self._rows = Rows([], [], [], [])

    def _wait(self) -> None:
        """Wait for the file that is being saved. Raises StoreError, also when called again."""
        if self._saving is not None:
            joined = self._saving.result()
            if self._unjoined:
                self._tables[: self._unjoined] = [joined]
            self._saving = None

    def recording(self, info: RecordingInfo) -> Recording:
        """Return the recording with the rows that are in no finished file; save nothing more. Raises StoreError."""
        self._wait()
        self._keep = None
        self._to_tables()
        return store.recording(replace(info, number=self._number), store.joined(self._tables))


def _save(keep: Keep, tables: Sequence[store.Tables], info: RecordingInfo) -> store.Tables:
    joined = store.joined(tables)
    keep(store.recording(info, joined))
    return joined
