"""What a run tells while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from loadgen.model import Cell, Recording, Stream


@dataclass(frozen=True, slots=True)
class Progress:
    """How the cell goes. ``tokens`` counts text events since its start; ``left`` is seconds, roughly."""

    elapsed: float
    left: float
    open: int
    tokens: int
    ended: int
    failed: int


class Listener(Protocol):
    """Hears how the run goes; must return at once."""

    def begin(self, cells: Sequence[Cell], seconds: float) -> None:
        """The plan, and how long it takes at least."""
        ...

    def cell_begins(self, cell: Cell) -> None:
        """A cell starts."""
        ...

    def ended(self, streams: Sequence[Stream]) -> None:
        """Streams of the current cell that have ended."""
        ...

    def progress(self, progress: Progress) -> None:
        """Twice a second."""
        ...

    def cell_ends(self, parts: Sequence[Recording]) -> None:
        """A cell has been saved; a part for each engine that drove it."""
        ...

    def note(self, text: str) -> None:
        """Something that the user must know."""
        ...

    def end(self) -> None:
        """The run is over."""
        ...


class Silent:
    """Hears, says nothing."""

    def begin(self, cells: Sequence[Cell], seconds: float) -> None: ...
    def cell_begins(self, cell: Cell) -> None: ...
    def ended(self, streams: Sequence[Stream]) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def cell_ends(self, parts: Sequence[Recording]) -> None: ...
    def note(self, text: str) -> None: ...
    def end(self) -> None: ...
