"""What several measurements have in common: a reason or a cause is reported once, with the range of its figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeVar

from loadgen.model import ClientId, ConfidenceCause, Group, Level, Reason, Summary

Record = TypeVar("Record", Reason, ConfidenceCause)
_WHERE = ("repeat", "workers")  # fields that say where, not what
_WHAT = ("percentile", "needed")  # numbers that say what


@dataclass(frozen=True, slots=True)
class Common(Generic[Record]):
    """One reason or cause, and the ``cells`` that have it.

    ``record`` is the one with the largest effect; its ``low*`` and ``high*`` span those of all. ``ranges`` has the
    smallest and the largest value of each figure. ``groups`` are the groups of figures that a cause disturbs.
    """

    record: Record
    ranges: Mapping[str, tuple[float, float]]
    cells: tuple[tuple[ClientId, Level], ...]
    groups: tuple[Group, ...] = ()


def reasons(summaries: Iterable[Summary]) -> list[Common[Reason]]:
    """Return the reasons against all measurements, equal ones once, the most widespread first."""
    found = [(reason, summary, None) for summary in summaries for reason in summary.reasons]
    return sorted(_grouped(found), key=lambda common: -len(common.cells))


def causes(summaries: Iterable[Summary]) -> list[Common[ConfidenceCause]]:
    """Return why confidence is not high, equal causes once, the one with the largest effect first.

    Causes without a known effect precede the others: a starved client, or too few rounds.
    """
    found = [
        (cause, summary, group)
        for summary in summaries
        for group, of in summary.confidence.items()
        for cause in of.causes
    ]
    return sorted(_grouped(found), key=lambda common: -_effect(common.record))


def _effect(record: Reason | ConfidenceCause) -> float:
    if isinstance(record, Reason):
        return 0.0
    return math.inf if record.effect is None else record.effect


def _grouped(found: Iterable[tuple[Record, Summary, Group | None]]) -> list[Common[Record]]:
    alike: dict[tuple[Any, ...], list[tuple[Record, Summary, Group | None]]] = {}
    for each in found:
        alike.setdefault(_kind(each[0]), []).append(each)
    return [_common(of) for of in alike.values()]


def _kind(record: Reason | ConfidenceCause) -> tuple[Any, ...]:
    """Return what equal records have in common: their class, and what they are about."""
    about = {
        field.name: value
        for field in fields(record)
        if field.name not in _WHERE
        and (isinstance(value := getattr(record, field.name), str) or field.name in _WHAT)
    }
    return type(record), *about.items()


def _common(of: Sequence[tuple[Record, Summary, Group | None]]) -> Common[Record]:
    records = [record for record, _, _ in of]
    ranges: dict[str, tuple[float, float]] = {}
    for field in fields(records[0]):
        values = [getattr(record, field.name) for record in records]
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        if numbers and field.name not in (*_WHERE, *_WHAT):
            ranges[field.name] = min(numbers), max(numbers)
    spans: dict[str, Any] = {name: low for name, (low, _) in ranges.items() if name.startswith("low")}
    spans |= {name: high for name, (_, high) in ranges.items() if name.startswith("high")}
    return Common(
        record=replace(max(records, key=_effect), **spans),
        ranges=ranges,
        cells=tuple(dict.fromkeys((summary.client, summary.level) for _, summary, _ in of)),
        groups=tuple(dict.fromkeys(group for _, _, group in of if group is not None)),
    )
