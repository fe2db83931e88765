"""What follows from a run: data, not prose."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Validity(StrEnum):
    """Whether a measurement may be believed."""

    VALID = "valid"
    SUSPECT = "suspect"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One figure that a finding rests on, with its 95 % interval; no bounds where the run has no rounds to
    tell its noise by.

    ``line`` is what decides, ``holds`` on which side the whole interval lies: the one that speaks for the
    statement, the other, or ``None`` when it spans the line. Both are ``None`` for figures that decide nothing.
    """

    name: str
    unit: str
    value: float | None
    low: float | None = None
    high: float | None = None
    line: float | None = None
    holds: bool | None = None
    above: bool = True  # which side of the line speaks for the statement
    client: str = ""  # whose figure it is; "" for one of several together
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A statement with its evidence.

    ``kind`` and its verdicts: ``claim`` (of the article: ``confirmed``, ``refuted``, ``open``), ``cost`` (what a
    further stream costs), ``noise`` (what two names of one client differ by), ``trend`` (figures that moved while
    they were taken), ``cause`` (why tokens came late), ``article`` (its table beside ours), ``validity`` (what
    must not be believed: a :class:`Validity`) and ``threshold`` (``held`` or ``failed``).
    """

    kind: Literal["claim", "cost", "noise", "trend", "cause", "article", "validity", "threshold"]
    id: str
    verdict: str
    statement: str
    evidence: tuple[str, ...]
    effects: tuple[Effect, ...] = ()
