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
    "constant": "loadgen.loads.rate",
    "poisson": "loadgen.loads.rate",
    "gamma": "loadgen.loads.rate",
    "trace": "loadgen.loads.trace",
}


def arrivals(cell: Cell) -> Iterator[Arrival]:
    """Yield the arrivals of the cell's load, ascending by due time, each with its slot.

    Those of an open load are numbered, and all of them are there; of a closed load only those of the cell's own slots.
    Raises LookupError for an unknown load.
    """
    load = cell.workload.load
    found: Iterator[Arrival] = import_module(LOADS[load.kind]).arrivals(cell)
    if load.is_open:
        return (arrival._replace(slot=number) for number, arrival in enumerate(found))
    if cell.slots is None:
        return found
    own = frozenset(cell.slots)
    return (arrival for arrival in found if arrival.slot in own)
