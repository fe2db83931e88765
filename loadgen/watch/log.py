"""What was seen, kept in bounded memory: of every series the values that differ from the last."""

from __future__ import annotations

import math
import threading
import time
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from loadgen import store
from loadgen.model import ChangeTable, ReadingTable, Series, Source, Watched
from loadgen.model.watched import BUILTIN_NAMES
from loadgen.secrets import mask, mask_cut, mask_url
from loadgen.watch.sources import Value, Watchable

MAX_CHANGES: Final = 2_000_000  # from here on only series that are drawn, up to twice as many
MAX_SERIES: Final = 10_000
MAX_LABEL: Final = 500  # characters
RECENT: Final = 300  # readings that the medians are of

Key = tuple[int, str, tuple[tuple[str, str], ...]]


class Log:
    """The readings of ``sources``, from a thread each. ``drawn`` are the names that the report draws."""

    def __init__(
        self, file: Path, sources: Sequence[Watchable], drawn: Iterable[str] = (), secrets: Sequence[str] = ()
    ) -> None:
        self._file = file
        self.sources = [
            Source(file=file.name, name=each.name, url=each.url and mask_url(each.url, secrets))
            for each in sources
        ]
        self._drawn = {*BUILTIN_NAMES, *drawn}
        self._secrets = secrets
        self._clock = time.perf_counter_ns(), time.time_ns()
        self._lock = threading.Lock()
        self._known: dict[Key, int] = {}
        self._series: list[Series] = []
        self._last: list[float] = []
        self._readings = {name: array("q") for name in ("at", "took_ns", "source")}
        self._changes = {name: array("q") for name in ("reading", "series")}
        self._values = array("d")
        self._took: list[deque[float]] = [deque(maxlen=RECENT) for _ in sources]
        self._cpu = time.process_time()

    def seen(self, place: int, began: int, ended: int, values: Iterable[Value]) -> None:
        """Keep one reading of the source of that place."""
        with self._lock:
            reading = len(self._readings["at"])
            for name, value in (("at", (began + ended) // 2), ("took_ns", ended - began), ("source", place)):
                self._readings[name].append(value)
            left_out = 0
            gone = {number for key, number in self._known.items() if key[0] == place}
            for each in values:
                if (number := self._number(place, each)) is None:
                    left_out += 1
                    continue
                gone.discard(number)
                left_out += not self._changed(reading, number, each.value)
            for number in gone:
                self._changed(reading, number, math.nan)
            self._took[place].append((ended - began) / 1e6)
            before = self.sources[place]
            self.sources[place] = replace(
                before,
                readings=before.readings + 1,
                left_out=before.left_out + left_out,
                answer_ms=round(median(self._took[place]), 3),
            )

    def failed(self, place: int, why: str) -> bool:
        """Count a reading that gave nothing; return whether it was the first."""
        with self._lock:
            of = self.sources[place]
            printable = "".join(each if each.isprintable() else " " for each in why[:MAX_LABEL])
            why = of.why or mask_cut(printable, self._secrets)
            self.sources[place] = replace(of, readings=of.readings + 1, failed=of.failed + 1, why=why)
            return of.failed == 0

    def state(self) -> list[Source]:
        """Return the sources, with what watching them takes."""
        with self._lock:
            passed = time.perf_counter_ns() - self._clock[0]
            percent = round(100e9 * (time.process_time() - self._cpu) / max(passed, 1), 2)
            return [replace(each, cpu_percent=percent) for each in self.sources]

    def save(self) -> None:
        """Write everything so far. Raises StoreError."""
        with self._lock:
            readings, changes = (
                {name: np.array(column, dtype=np.int64) for name, column in columns.items()}
                for columns in (self._readings, self._changes)
            )
            watched = Watched(
                clock=self._clock,
                sources=tuple(source.name for source in self.sources),
                series=tuple(self._series),
                readings=ReadingTable(
                    at=readings["at"], took_ns=readings["took_ns"], source=readings["source"].astype(np.int8)
                ),
                changes=ChangeTable(**changes, value=np.array(self._values, dtype=np.float64)),
            )
        store.save_watched(self._file, watched)

    def _number(self, place: int, value: Value) -> int | None:
        """Return the place of the series, a new one where it is; ``None`` where there are too many."""
        key = place, value.name, tuple(value.labels.items())
        found = self._known.get(key)
        if found is None:
            if len(self._series) >= MAX_SERIES:
                return None
            self._known[key] = found = len(self._series)
            labels = {self._clean(name): self._clean(text) for name, text in value.labels.items()}
            source = self.sources[place].name
            self._series.append(
                Series(name=self._clean(value.name), labels=labels, kind=value.kind, source=source)
            )
            self._last.append(math.nan)
        return found

    def _clean(self, text: str) -> str:
        return mask(text, self._secrets)[:MAX_LABEL]

    def _changed(self, reading: int, number: int, value: float) -> bool:
        """Keep a value that differs from the series' last; return False where there is no room for it."""
        last = self._last[number]
        if value == last or (math.isnan(value) and math.isnan(last)):
            return True
        room = MAX_CHANGES * (2 if self._series[number].name in self._drawn else 1)
        if len(self._changes["reading"]) >= room:
            return False
        self._last[number] = value
        self._changes["reading"].append(reading)
        self._changes["series"].append(number)
        self._values.append(value)
        return True
