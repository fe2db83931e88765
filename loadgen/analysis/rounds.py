"""The figures of each repeat by itself, paired where repeats are shared: what effects are made of."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from loadgen.analysis import effects
from loadgen.model import ClientId, Summary, Validity

Round = Mapping[str, float | None]
Figure = Callable[[Summary, Round], float | None]

YARDSTICKS = ("floor",)  # what could be reached, not one of the clients that are compared


def is_control(client: ClientId) -> bool:
    """Whether a label is that of the second name of a client."""
    return client.control


def sound(summaries: Iterable[Summary]) -> list[Summary]:
    """Those that may testify: not invalid, no control."""
    return [s for s in summaries if s.validity is not Validity.INVALID and not is_control(s.client)]


def ladders(summaries: Iterable[Summary]) -> dict[ClientId, list[Summary]]:
    """Per client its summaries, fewest streams first; clients in the order given."""
    found: dict[ClientId, list[Summary]] = defaultdict(list)
    for summary in summaries:
        found[summary.client].append(summary)
    return {client: sorted(of, key=lambda s: s.level) for client, of in found.items()}


def column(name: str) -> Figure:
    """The figure of that name."""
    return lambda _, block: block.get(name)


switches = column("switches_per_token")


def values(summary: Summary, figure: Figure) -> dict[int, float]:
    """Repeat -> value, where it was measured."""
    return {
        int(block["repeat"] or 0): value
        for block in summary.rounds
        if (value := figure(summary, block)) is not None
    }


def logs(summary: Summary, figure: Figure) -> dict[int, float]:
    """As :func:`values`, logarithms of those that have one."""
    return {repeat: math.log(value) for repeat, value in values(summary, figure).items() if value > 0}


def contrast(these: Sequence[Summary], those: Sequence[Summary], figure: Figure) -> list[float]:
    """Per block that all share: the mean logarithm of ``these`` less that of ``those``."""
    of_these, of_those = ([logs(s, figure) for s in group] for group in (these, those))
    if not of_these or not of_those:
        return []
    shared = set.intersection(*(set(found) for found in (*of_these, *of_those)))
    return [
        math.fsum(found[r] for found in of_these) / len(of_these)
        - math.fsum(found[r] for found in of_those) / len(of_those)
        for r in sorted(shared)
    ]


def lines(ladder: Sequence[Summary], x: Figure, y: Figure) -> list[tuple[float, float]]:
    """Per block ``(fixed, each)`` of the straight line of ``y`` over ``x`` through the levels of one client."""
    points: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for summary in ladder:
        across, up = values(summary, x), values(summary, y)
        for repeat in across.keys() & up.keys():
            points[repeat].append((across[repeat], up[repeat]))
    whole = max((len(of) for of in points.values()), default=0)
    found = (
        effects.slope([a for a, _ in of], [b for _, b in of])
        for _, of in sorted(points.items())
        if len(of) == whole >= 2
    )
    return [line for line in found if line is not None]
