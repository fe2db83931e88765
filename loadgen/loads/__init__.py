"""When streams arrive: one small file per load, each with a function ``arrivals(cell)``.

``arrivals`` yields each :class:`~loadgen.model.Arrival` of the cell in the order of their due times. It knows no clock
and keeps no state: the same cell gives the same arrivals, whatever its client. An open load yields every stream,
lazily, with due times of its own. A closed load yields the first stream of each slot and leaves those that follow to
the engine, because they are due when the one before has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from loadgen.model import Arrival, Cell

LOADS: dict[str, str] = {
    "closed": "loadgen.loads.closed",
    "stages": "loadgen.loads.stages",
}


def arrivals(cell: Cell) -> Iterator[Arrival]:
    """Yield the arrivals of the cell's load, those of the cell's share of the slots only, ascending by due time.

    Raises LookupError for an unknown load.
    """
    slots = None if cell.slots is None else set(cell.slots)
    found: Iterator[Arrival] = import_module(LOADS[cell.workload.load.kind]).arrivals(cell)
    return (arrival for arrival in found if slots is None or arrival.slot in slots)
