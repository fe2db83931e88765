"""The progress of a run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from loadgen.model.cell import Cell
from loadgen.model.prediction import Prediction
from loadgen.model.recording import Recording, RecordingInfo
from loadgen.model.run import WarmUp
from loadgen.model.stream import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One update. ``elapsed`` is seconds, ``tokens`` counts text events so far."""

    elapsed: float
    open: int
    tokens: int
    ended: int
    failed: int


class Listener:
    """Hears how a run goes; this one shows nothing. Methods must return at once: streams are open meanwhile."""

    def warm_up_begins(self, requests: int) -> None:
        """Hear that requests are sent before the first measurement; they may have to load a model."""

    def warmed_up(self, seen: WarmUp, cells: Sequence[Cell]) -> None:
        """Hear what the warm-up saw, and which cells are planned."""

    def predicted(self, predictions: Sequence[Prediction]) -> None:
        """Hear how many cores the engines are predicted to need, as far as that is known."""

    def begin(self, cells: Sequence[Cell], seconds: Sequence[float]) -> None:
        """Hear the plan, and about how long each cell takes."""

    def cell_begins(self, cell: Cell) -> None:
        """Hear that a cell starts."""

    def ended(self, streams: Sequence[Stream], of: Callable[[], RecordingInfo]) -> None:
        """Hear of streams of the current cell that have ended; ``of`` returns the recording that they are in."""

    def progress(self, progress: Progress) -> None:
        """Hear how the current cell is doing, twice a second."""

    def cell_ends(self, parts: Sequence[Recording]) -> None:
        """Hear that a cell has been saved, in a part for each engine."""

    def again(self, cell: Cell, why: str) -> None:
        """Hear that the cell will be measured again, because of what the machine did to it."""

    def interrupted(self) -> None:
        """Hear that the user ends the run: the current cell ends, and a second Ctrl-C ends at once."""

    def note(self, text: str) -> None:
        """Hear something that the user must know."""

    def end(self) -> None:
        """Hear that the run is over."""


class Listeners(Listener):
    """Several listeners as one: all of them hear everything, in their order."""

    def __init__(self, *listeners: Listener) -> None:
        self._all = listeners


def _to_all(name: str) -> Callable[..., None]:
    def hear(self: Listeners, *args: Any, **kwargs: Any) -> None:
        for each in self._all:
            getattr(each, name)(*args, **kwargs)

    return hear


for _name in [name for name in vars(Listener) if not name.startswith("_")]:
    setattr(Listeners, _name, _to_all(_name))
