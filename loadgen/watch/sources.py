"""What can be watched, and what is to be watched in a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from loadgen.model import Cell, Metrics


class ReadError(Exception):
    """A reading gave nothing; the message says why."""


class Value(NamedTuple):
    """One value of a reading. ``kind`` is Prometheus' type of the metric."""

    name: str
    labels: Mapping[str, str]
    value: float
    kind: str


class Watchable(Protocol):
    """Something to read once a second. ``name`` and ``url`` say what it is.

    ``answered`` is when the last reading was answered, before anything was made of it.
    """

    name: str
    url: str
    answered: int

    def read(self) -> Iterable[Value]:
        """Return what there is now. Raises ReadError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is watched during a run, as the watching process hears it: the file to write, and a cell of the run.

    ``headers`` are those of the metrics' own URL, which is without user and password.
    """

    file: str
    cell: Cell
    metrics: Metrics | None
    headers: Mapping[str, str]
    nvidia: bool
    secrets: tuple[str, ...]
