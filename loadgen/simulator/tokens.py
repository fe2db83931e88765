"""Send the tokens that are due: all streams of a slot in one loop, which is the simulator's hot path."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import partial
from time import time_ns
from typing import Final, Protocol

from loadgen.simulator.corpus import TOKENS
from loadgen.simulator.log import BUCKET_BITS, Log
from loadgen.simulator.loop import Loop
from loadgen.simulator.plan import GAP_MASK
from loadgen.simulator.wheel import SLOT_NS

WORDS: Final = len(TOKENS)
_SECOND: Final = 1_000_000_000


class Outgoing(Protocol):
    """Where a stream's tokens leave."""

    def keep(self, rest: bytes) -> None:
        """Keep ``rest``, which a slow client has not taken."""

    def close(self) -> None:
        """Close it, and end the stream."""


class Paced:
    """What the loop knows of a stream: ``sent`` of its tokens left, the next is ``due``, ``stop`` is the last.

    ``connection`` is ``None`` once it is over; a slot may still hold it then.
    """

    __slots__ = ("at", "connection", "due", "gaps", "log", "pairs", "send", "sent", "stop", "text")

    connection: Outgoing | None
    log: Log
    pairs: Sequence[tuple[bytes, bytes | None]]  # of each word what stands before and after the stamp
    send: Callable[[bytes], int]
    gaps: array[int]
    at: int
    text: int
    due: int
    sent: int
    stop: int

    def after_token(self) -> None:
        """Go on where the next token is not simply due after a gap."""
        raise NotImplementedError


class Tokens:
    """The streams of which a plain token is due, by slots of the loop's wheel."""

    __slots__ = ("_loop", "_slots")

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._slots: dict[int, list[Paced]] = {}

    def add(self, stream: Paced) -> None:
        """Send a token of ``stream`` when it is due."""
        number = (stream.due + SLOT_NS - 1) // SLOT_NS
        if (slot := self._slots.get(number)) is None:
            self._open(number, stream)
        else:
            slot.append(stream)

    def _open(self, number: int, stream: Paced) -> None:
        self._slots[number] = [stream]
        self._loop.wheel.add(number * SLOT_NS, partial(self._send, number))

    def _send(self, number: int) -> None:
        """Send a token of each stream in the slot, with its own time; add those that go on to their next slots."""
        # This is the price of a token: no call here that is not needed.
        loop, slots = self._loop, self._slots
        slot_of, epoch, base, second = slots.get, loop.epoch, loop.base, loop.second
        for stream in slots.pop(number):
            connection = stream.connection
            if connection is None:
                continue
            done, due, send = stream.sent, stream.due, stream.send
            head, tail = stream.pairs[(stream.text + done) % WORDS]
            now = time_ns()
            rest = now - base
            if not 0 <= rest < _SECOND:
                loop.set_second(now)
                base, second = loop.base, loop.second
                rest = now - base
            data = head if tail is None else b"%b%b%09d%b" % (head, second, rest, tail)
            try:
                sent = send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                connection.close()
                continue
            late = now - epoch - due
            log = stream.log
            if 0 <= late <= log.bar:
                log.buckets[late >> BUCKET_BITS] += 1
            else:
                log.add_late(now, late)
            stream.sent = done = done + 1
            if sent != len(data):
                connection.keep(data[sent:])
            elif done != stream.stop:
                stream.due = due = due + stream.gaps[(stream.at + done) & GAP_MASK]
                number = (due + SLOT_NS - 1) // SLOT_NS
                if (slot := slot_of(number)) is None:
                    self._open(number, stream)
                else:
                    slot.append(stream)
                continue
            stream.after_token()
