"""Totals are compared only of answers of the same length; of others, the time per token after the first is.

The TTFT is compared apart: a total divided by its tokens would make a longer answer look faster.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from loadgen.model import Summary

SAME_LENGTH = 0.05  # of the shorter answer: what two measurements may differ by
PER_TOKEN: Mapping[str, str] = MappingProxyType({"total_p50_ms": "tpot_p50_ms"})
"""The column of a total -> that of the time per token."""


def comparable(column: str, one: Summary, other: Summary) -> str:
    """Return by which column two measurements are compared: per token where the answers had another length."""
    shorter, longer = sorted(of.value("tokens_per_stream") or 0.0 for of in (one, other))
    if not shorter or longer / shorter - 1 <= SAME_LENGTH:
        return column
    return PER_TOKEN.get(column, column)
