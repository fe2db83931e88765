"""A body of bytes alone, of any size in little memory."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns
from typing import Final, cast

from loadgen.model.scenario import BODY_FAULTS
from loadgen.simulator.connection import Connection
from loadgen.simulator.stream import Stream

_PIECE: Final = (bytes(range(33, 96)) + b"\n") * 4096
_MAX_AT_ONCE: Final = 16  # pieces between two turns of the wheel, since other streams are due too


class Body(Stream):
    """Sends ``size`` bytes: with a ``speed`` those of a gap, gap by gap, otherwise as fast as the client reads.

    ``stop`` and ``_poured`` count bytes here, ``sent`` the gaps.
    """

    __slots__ = ("_goal",)

    def _begin(self) -> None:
        super()._begin()
        self._goal, self.stop = 0, self._state.spec.size
        if self._fault not in BODY_FAULTS:
            self._fault = None
        if self._fault:
            self.stop = self._plan.tokens_before_fault(self.stop)
        self._act = cast("Callable[[Stream, Connection], None]", Body._go_on)

    def _go_on(self, connection: Connection) -> None:
        """Send what is due."""
        spec, now = self._state.spec, monotonic_ns()
        if not self._first_sent:
            self._first_sent = now + self._loop.epoch
            connection.begin(200, self._wanted.encoder.content_type, spec.size)
        if self._poured == self._goal:
            self.sent += 1
            goal = self.stop if spec.speed is None else round(self.sent * spec.speed * spec.gap)
            self._goal = min(self.stop, max(goal, self._poured + 1))
            self.log.add_object(self.due + self._loop.epoch, now + self._loop.epoch)
        for _ in range(_MAX_AT_ONCE):
            data = _PIECE[: self._goal - self._poured]
            self._poured += len(data)
            connection.send(data)
            if connection.out or self._poured == self._goal:
                break
        if self._poured == self.stop:
            self._end(connection)
        elif self._poured == self._goal:
            self._wait_gap()
        else:
            self.due = monotonic_ns()
            self._wait()

    def _end(self, connection: Connection) -> None:
        if self._fault in (None, "truncate"):
            self._over(connection, keep_alive=self._fault is None)
        else:
            super()._end(connection)
