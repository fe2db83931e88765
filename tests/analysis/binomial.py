"""Bounds of simulations, from theory: how many of so many draws may come out so."""

from __future__ import annotations

import math

SIGMAS = 4  # a bound fails by chance in under one of ten thousand runs


def at_most(share: float, draws: int) -> float:
    """Return the most hits of ``draws`` independent ones that each come up in ``share`` of cases or fewer."""
    return draws * share + SIGMAS * math.sqrt(draws * share * (1 - share))


def at_least(share: float, draws: int) -> float:
    """Return the fewest hits of ``draws`` independent ones that each come up in ``share`` of cases or more."""
    return draws - at_most(1 - share, draws)
