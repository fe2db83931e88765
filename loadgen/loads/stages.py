"""Stages: a closed loop whose number of slots changes over time."""

from collections.abc import Iterable, Iterator

from loadgen.model import Arrival, Cell, Stage


def arrivals(cell: Cell) -> Iterator[Arrival]:
    """Yield the first stream of a slot each time it is added.

    The k-th of a stage's n changes comes after k/n of its time; the highest slots leave first.
    """
    found: list[tuple[int, int, int]] = []
    began: list[int] = []  # by slot
    now = 0
    for stage in cell.workload.load.stages:
        lasts, changes = round(stage.over * 1e9), abs(stage.to - len(began))
        for time in [now + lasts * k // changes for k in range(1, changes + 1)]:
            if stage.to > len(began):
                began.append(time)
            else:
                begin = began.pop()
                found.append((begin, len(began), time))
        now += lasts
    found += ((begin, slot, now) for slot, begin in enumerate(began))
    for begin, slot, end in sorted(found):
        if begin < end:
            yield Arrival(begin, prompt=slot, slot=slot, streams=None, until=end)


def streams_at(stages: Iterable[Stage], seconds: float) -> float:
    """Return how many streams the stages ask for at ``seconds`` after the start.

    Where two stages meet the later one counts, after the end the last.
    """
    number: float = 0
    for stage in stages:
        if seconds < stage.over:
            return number + (stage.to - number) * seconds / stage.over
        number = stage.to
        seconds -= stage.over
    return number
