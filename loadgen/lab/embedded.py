"""The embedded simulator of a run."""

from __future__ import annotations

from collections.abc import Callable

from loadgen.model import ServerLog, Simulator
from loadgen.simulator.process import Process, SimulatorError


class Embedded:
    """The simulator's process, started again when it has died.

    Raises SimulatorError where it does not start.
    """

    def __init__(self, spec: Simulator, cores: tuple[int, ...]) -> None:
        self._spec = spec
        self._cores = cores
        self._process = Process.start(spec, cores=cores)

    @property
    def url(self) -> str:
        """Where it listens now."""
        return self._process.url

    @property
    def pid(self) -> int:
        """Its process id now."""
        return self._process.pid

    def reset(self, note: Callable[[str], None]) -> None:
        """Empty its log; start it again, and say so, where it has died. Raises SimulatorError."""
        try:
            self._process.reset()
        except SimulatorError as error:
            note(f"{error}; it is started again")
            self._process.stop()
            self._process = Process.start(self._spec, cores=self._cores)

    def log(self) -> ServerLog | None:
        """Return what it did since the last reset; ``None`` where it does not answer."""
        try:
            return self._process.log()
        except SimulatorError:
            return None

    def close(self) -> None:
        """Stop the process."""
        self._process.stop()
