"""What every kind of finding becomes in English."""

from __future__ import annotations

from dataclasses import dataclass

from loadgen.report.text import interval

__all__ = ["Sentences", "interval"]


@dataclass(frozen=True, slots=True)
class Sentences:
    """A finding in English: its statement, and the lines below it."""

    statement: str
    details: tuple[str, ...] = ()
