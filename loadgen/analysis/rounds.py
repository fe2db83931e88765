"""The metrics of each round by itself, paired where both sides have it. A round is one repeat of everything."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from loadgen.analysis import effects
from loadgen.model import ClientId, Round, Summary, Validity

# a column, or a function of a summary and its round
Quantity = str | Callable[[Summary, Round], float | None]

YARDSTICKS = ("floor",)  # names of clients that show what can be reached, and are not compared


def valid(summaries: Iterable[Summary]) -> list[Summary]:
    """Return those that are not invalid, without A/A controls."""
    return [s for s in summaries if s.validity is not Validity.INVALID and not s.client.control]


def sweeps(summaries: Iterable[Summary]) -> dict[ClientId, list[Summary]]:
    """Return each client's summaries, lowest level first; clients in the order given."""
    found: dict[ClientId, list[Summary]] = defaultdict(list)
    for summary in summaries:
        found[summary.client].append(summary)
    return {client: sorted(of, key=lambda s: s.level) for client, of in found.items()}


def values(summary: Summary, quantity: Quantity) -> dict[int, float]:
    """Return repeat -> value, where it was measured."""
    of = (lambda _, each: each.values.get(quantity)) if isinstance(quantity, str) else quantity
    return {each.repeat: value for each in summary.rounds if (value := of(summary, each)) is not None}


def logs(summary: Summary, quantity: Quantity) -> dict[int, float]:
    """Return repeat -> logarithm of the value, where it is positive."""
    return {repeat: math.log(value) for repeat, value in values(summary, quantity).items() if value > 0}


def contrast(these: Sequence[Summary], those: Sequence[Summary], quantity: Quantity) -> list[float]:
    """Return, per round that all have, the mean logarithm of ``these`` minus that of ``those``."""
    groups = [[logs(summary, quantity) for summary in group] for group in (these, those)]
    if not all(groups):
        return []
    shared = sorted(set.intersection(*(set(found) for group in groups for found in group)))
    means = ([math.fsum(found[r] for found in group) / len(group) for r in shared] for group in groups)
    return [this - that for this, that in zip(*means, strict=True)]


def lines(sweep: Sequence[Summary], x: Quantity, y: Quantity) -> list[tuple[float, float]]:
    """Return, per round, ``(intercept, slope)`` of ``y`` over ``x`` through the levels of one client.

    Rounds that lack a level that another has are left out.
    """
    points: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for summary in sweep:
        across, up = values(summary, x), values(summary, y)
        for repeat in across.keys() & up.keys():
            points[repeat].append((across[repeat], up[repeat]))
    complete = max((len(of) for of in points.values()), default=0)
    rounds = [zip(*of, strict=True) for _, of in sorted(points.items()) if len(of) == complete >= 2]
    return [line for across, up in rounds if (line := effects.slope(across, up)) is not None]
