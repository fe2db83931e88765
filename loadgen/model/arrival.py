"""When a stream is due: what a load yields."""

from __future__ import annotations

from typing import NamedTuple


class Arrival(NamedTuple):
    """A stream that is due ``due`` nanoseconds after the start of the cell.

    An open load yields an arrival for each stream, without a slot: the engine runs it on any that is free. A closed
    load yields the first stream of each slot: on its slot ``streams`` of them (``None``: no limit) follow one another,
    the next due when the one before has ended, as long as that is before ``until``.
    """

    due: int
    prompt: int  # index into the workload's prompts, modulo their number
    slot: int | None = None
    streams: int | None = 1
    until: int | None = None
