"""What a run reports while it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from loadgen.model import Cell, Progress, Recording, Stream


class Listener(Protocol):
    """Hears how a run goes. Every method must return at once: streams are open meanwhile."""

    def begin(self, cells: Sequence[Cell], seconds: float) -> None:
        """Hear the plan, and how long it takes at least."""
        ...

    def cell_begins(self, cell: Cell) -> None:
        """Hear that a cell starts."""
        ...

    def ended(self, streams: Sequence[Stream]) -> None:
        """Hear of streams of the current cell that have ended."""
        ...

    def progress(self, progress: Progress) -> None:
        """Hear how the current cell is doing, twice a second."""
        ...

    def cell_ends(self, parts: Sequence[Recording]) -> None:
        """Hear that a cell has been saved, in a part for each engine."""
        ...

    def note(self, text: str) -> None:
        """Hear something that the user must know."""
        ...

    def end(self) -> None:
        """Hear that the run is over."""
        ...


class Silent:
    """A listener that shows nothing."""

    def begin(self, cells: Sequence[Cell], seconds: float) -> None: ...
    def cell_begins(self, cell: Cell) -> None: ...
    def ended(self, streams: Sequence[Stream]) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def cell_ends(self, parts: Sequence[Recording]) -> None: ...
    def note(self, text: str) -> None: ...
    def end(self) -> None: ...
