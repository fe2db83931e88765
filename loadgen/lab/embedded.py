"""The embedded simulator of a run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Self

from loadgen.model import ServerLog, Simulator
from loadgen.simulator.process import Process, SimulatorError


class Embedded:
    """The simulator's ``process``, started again when it has died. A context manager: leaving it stops the process.

    Raises SimulatorError where it does not start.
    """

    def __init__(self, spec: Simulator, cores: tuple[int, ...]) -> None:
        self._start = partial(Process, spec, cores=cores)
        self.process = self._start()

    def reset(self, note: Callable[[str], None]) -> None:
        """Empty its log; start it again, and say so, where it has died. Raises SimulatorError."""
        try:
            self.process.reset()
        except SimulatorError as error:
            note(f"{error}; it is started again")
            self.process.stop()
            self.process = self._start()

    def log(self) -> ServerLog | None:
        """Return what it did since the last reset; ``None`` where it does not answer."""
        try:
            return self.process.log()
        except SimulatorError:
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()
