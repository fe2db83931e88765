"""What every kind of finding becomes in English."""

from __future__ import annotations

from dataclasses import dataclass

from loadgen.report.text import figure


@dataclass(frozen=True, slots=True)
class Sentences:
    """A finding in English: its statement, and the lines below it."""

    statement: str
    details: tuple[str, ...] = ()


def interval(low: float | None, high: float | None) -> str:
    """Return ``1.2 to 3.4``; empty without bounds."""
    return "" if low is None or high is None else f"{figure(low)} to {figure(high)}"
