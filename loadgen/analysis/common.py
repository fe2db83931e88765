"""What makes several measurements uncertain: an equal cause is reported once, with the range of its figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from loadgen.analysis.machine import by_effect
from loadgen.model import ConfidenceCause, Summary

_ABOUT = ("kind", "metric", "percentile", "needed")  # fields in which equal causes are the same


def causes(summaries: Iterable[Summary]) -> list[ConfidenceCause]:
    """Return why confidence is not high, the cause with the largest effect first.

    Of equal causes the one with the largest effect, its ``low`` and ``high`` those of all. Causes without a known
    effect precede the others: a starved client, or too few rounds.
    """
    alike: dict[tuple[Any, ...], list[ConfidenceCause]] = defaultdict(list)
    for cause in (cause for s in summaries for of in s.confidence.values() for cause in of.causes):
        alike[tuple(getattr(cause, name, None) for name in _ABOUT)].append(cause)
    return list(by_effect(map(_merged, alike.values())))


def _merged(of: list[ConfidenceCause]) -> ConfidenceCause:
    worst, *_ = by_effect(of)
    ends = {
        f.name: min if f.name.startswith("low") else max
        for f in fields(worst)
        if f.name[:3] in ("low", "hig")
    }
    return replace(worst, **{name: pick(getattr(each, name) for each in of) for name, pick in ends.items()})
