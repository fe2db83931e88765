"""When streams arrive: one small file per load, each with a function ``arrivals(cell)``.

``arrivals`` yields each :class:`~loadgen.model.Arrival` of the cell in the order of their due times. It knows no clock
and keeps no state: the same cell gives the same arrivals, whatever its client. An open load yields every stream,
lazily, with due times of its own. A closed load yields the first stream of each slot and leaves those that follow to
the engine, because they are due when the one before has ended.
"""

from collections.abc import Iterator
from importlib import import_module

from loadgen.model import Arrival, Cell

LOADS: dict[str, str] = {
    "closed": "loadgen.loads.closed",
    "stages": "loadgen.loads.stages",
}


def arrivals(cell: Cell) -> Iterator[Arrival]:
    """Yield the arrivals of the cell's load, ascending by due time; where it has a share of the slots, its own only.

    Arrivals without a slot are dealt to the slots in turn. Raises LookupError for an unknown load.
    """
    found: Iterator[Arrival] = import_module(LOADS[cell.workload.load.kind]).arrivals(cell)
    if cell.slots is None:
        return found
    slots, dealt = set(cell.slots), max(1, cell.max_streams)
    return (
        arrival
        for place, arrival in enumerate(found)
        if (place % dealt if arrival.slot is None else arrival.slot) in slots
    )
