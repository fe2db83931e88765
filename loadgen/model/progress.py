"""How the cell that runs is doing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One update. ``elapsed`` and ``left`` (a rough estimate) are seconds, ``tokens`` counts text events so far."""

    elapsed: float
    left: float
    open: int
    tokens: int
    ended: int
    failed: int
